//! The tz database of the machine: read at the start, where it is newer than the one that is compiled in.

use domain::zone::{self, Release, Zones};
use std::fs;
use std::path::{Path, PathBuf};

/// Where machines keep it.
const PLACES: [&str; 3] = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"];
/// Files that say which release it is; the first one is part of the sources and begins with `# version 2026f`.
const RELEASES: [&str; 3] = ["tzdata.zi", "+VERSION", "version"];
/// No compiled zone is larger.
const LARGEST: u64 = 65_536;

/// Has this process use the newest tz database that it finds: in the directory that `TZDIR` names, else where machines keep it,
/// else the one that is compiled in.
pub fn choose(tzdir: Option<PathBuf>) {
    let tzdir = tzdir.filter(|dir| !dir.as_os_str().is_empty());
    let places = tzdir.map_or_else(|| PLACES.map(PathBuf::from).to_vec(), |dir| vec![dir]);
    let Some((dir, release)) = places.into_iter().find_map(|dir| release(&dir).map(|release| (dir, release))) else {
        return;
    };
    let built_in = Zones::built_in();
    if release > *built_in.release() {
        let mut files = Vec::new();
        collect(&dir, "", &mut files);
        zone::install(Zones::read(release, files));
    } else {
        zone::install(built_in);
    }
}

/// Which release is in a directory; none where it does not say.
fn release(dir: &Path) -> Option<Release> {
    RELEASES.iter().find_map(|name| {
        let text = fs::read_to_string(dir.join(name)).ok()?;
        let first = text.lines().next()?;
        Release::parse(first.strip_prefix("# version ").unwrap_or(first))
    })
}

/// The compiled zones below a directory, by their names. Those with leap seconds (`right`) and copies are left out.
fn collect(dir: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_left_out = prefix.is_empty() && matches!(name.as_str(), "right" | "posix" | "posixrules" | "localtime");
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        // Follows links: many zones are links to others.
        let Ok(kind) = fs::metadata(&path) else { continue };
        if is_left_out || prefix.matches('/').count() > 3 {
            continue;
        }
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else if kind.len() <= LARGEST
            && let Ok(data) = fs::read(&path)
            && data.starts_with(b"TZif")
        {
            files.push((name, data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::release;
    use std::fs;

    #[test]
    fn a_directory_says_which_release_it_has() {
        let dir = std::env::temp_dir().join(format!("zoneinfo-{}", uuid::Uuid::new_v4()));
        fs::create_dir_all(&dir).unwrap();
        assert_eq!(release(&dir), None);
        for (file, text, expected) in [
            ("version", "2026b\n", Some("2026b")),
            ("+VERSION", "2026c", Some("2026c")),
            ("tzdata.zi", "# version 2026d\n# ddeps x\nR d 1916 o\n", Some("2026d")),
            ("tzdata.zi", "# something else\n", Some("2026c")),
        ] {
            fs::write(dir.join(file), text).unwrap();
            assert_eq!(release(&dir).map(|release| release.to_string()).as_deref(), expected, "{file}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
