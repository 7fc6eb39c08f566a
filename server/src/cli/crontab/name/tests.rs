//! Commands as people write them, and what they are about.

use super::*;

#[test]
fn names_say_what_a_command_is_about() {
    let rows = [
        ("/usr/local/bin/backup.sh --full > /dev/null 2>&1", "backup.sh"),
        ("cd /srv/app && php artisan schedule:run", "artisan schedule:run"),
        ("cd /srv/app && php artisan schedule:run >> /dev/null 2>&1", "artisan schedule:run"),
        ("[ -x /usr/lib/php/clean ] && if [ ! -d /run ]; then /usr/lib/php/clean; fi", "clean"),
        ("LANG=C nice sudo /opt/report", "report"),
        ("nice -n 19 ionice -c2 -n7 /opt/report", "report"),
        ("\"/opt/my\" x", "my"),
        ("test -e /x", "test"),
        ("cd / && run-parts --report /etc/cron.hourly", "run-parts /etc/cron.hourly"),
        ("test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", "run-parts /etc/cron.daily"),
        ("test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.weekly )", "run-parts /etc/cron.weekly"),
        (
            "test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl -e 'sleep int(rand(43200))' && certbot -q renew",
            "certbot renew",
        ),
        ("[ -d /run/systemd/system ] || /usr/sbin/e2scrub_all -A -r", "e2scrub_all"),
        ("command -v debian-sa1 > /dev/null && debian-sa1 1 1", "debian-sa1"),
        ("(cd /srv && ./sync.sh)", "sync.sh"),
        ("{ /opt/a; /opt/b; }", "a"),
        (". /etc/profile; /opt/job", "job"),
        ("source ~/.bashrc && python3 /srv/report.py", "report.py"),
        ("$PHP /srv/x.php", "x.php"),
        ("$HOME/bin/nightly", "nightly"),
        ("${SCRIPT}", ""),
        ("bash -c '/opt/inner --now'", "inner"),
        ("bash -lc \"cd /srv && bundle exec rake db:clean\"", "bundle exec rake"),
        ("su - deploy -c '/srv/deploy.sh'", "deploy.sh"),
        ("su -c /srv/x deploy", "x"),
        ("flock -n /tmp/lock /opt/job", "job"),
        ("flock -n /tmp/lock -c '/opt/job --x'", "job"),
        ("timeout -k 5 60 /opt/job", "job"),
        ("timeout 60 python -m reports.daily", "reports.daily"),
        ("python3.11 -u /srv/a.py", "a.py"),
        ("java -Xmx1g -jar /opt/app.jar", "app.jar"),
        ("perl -e 'print 1'", "perl"),
        ("php -r 'echo 1;'", "php"),
        ("/usr/bin/php -d memory_limit=1G /srv/cron.php", "cron.php"),
        ("env FOO=bar /opt/job", "job"),
        ("sleep $((RANDOM % 60)); /opt/job", "job"),
        ("echo start >> /tmp/log; /opt/job", "job"),
        ("echo hi", "echo"),
        ("docker exec -t db pg_dump", "docker exec"),
        ("systemctl restart nginx", "systemctl restart nginx"),
        ("make -C /srv backup", "make /srv"),
        ("npm run build", "npm run build"),
        ("if [ -f /x ]; then /opt/y; else /opt/z; fi", "y"),
        ("curl -fsS https://user:secret@example.com/hook?token=s3cret", "curl example.com"),
        ("wget -qO- http://localhost:8080/cron", "wget localhost:8080"),
        ("curl -K /etc/curlrc", "curl"),
        ("|| &&", ""),
        ("{", ""),
        ("(", ""),
        ("sh", "sh"),
        ("'unclosed", "unclosed"),
        ("a\tb\u{7}", "a"),
    ];
    for (command, name) in rows {
        assert_eq!(subject(command).name.unwrap_or_default(), name, "{command}");
    }
    assert_eq!(subject(&"x".repeat(200)).name.unwrap().chars().count(), LONGEST);
}

#[test]
fn calls_by_curl_and_wget_are_marked() {
    let calls = [
        "curl https://x.example",
        "nice /usr/bin/wget -q http://x.example",
        "sleep 5; curl -K x",
        "sh -c 'curl http://x'",
    ];
    for command in calls {
        assert!(subject(command).is_http_call, "{command}");
    }
    let others =
        ["/opt/curl-all", "echo curl", "php x.php && curl https://x.example", "", "/opt/job --curl", "wgetter"];
    for command in others {
        assert!(!subject(command).is_http_call, "{command}");
    }
}
