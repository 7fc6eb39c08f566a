//! Where calls may not go, however it is spelled: the ways that people try to have a server call its own network.

use domain::target::{is_public, literal_address};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Url;

/// URLs whose host is an address, none of them public.
const REFUSED: [&str; 100] = [
    // Loopback, in every spelling.
    "http://127.0.0.1",
    "http://127.0.0.1:5432/",
    "http://127.0.0.1.",
    "http://127.1",
    "http://127.0.1",
    "http://127.255.255.254",
    "http://0177.0.0.1",
    "http://0177.0.0.01",
    "http://017700000001",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://0x7f.0x0.0x0.0x1",
    "http://0X7F.0.0.1",
    "http://127.0x0.0.1",
    "http://%31%32%37.0.0.1",
    "http://127.0.0.%31",
    "http://127。0。0。1",
    "http://①②⑦.⓪.⓪.①",
    "http://\u{ff11}27.0.0.1",
    "http:127.0.0.1",
    "http:\\\\127.0.0.1\\x",
    "http://127.0.0.1#@example.com",
    "http://127.0.0.1?@example.com",
    "http://example.com@127.0.0.1/",
    "http://1\t27.0.0.1",
    "http://[::1]",
    "http://[::1]:8080/",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]",
    "http://[::0.0.0.1]",
    // This host.
    "http://0",
    "http://0.0.0.0",
    "http://0x0",
    "http://00000000000",
    "http://0.255.1.2",
    "http://[::]",
    "http://[0:0:0:0:0:0:0:0]",
    // Private networks, and those of providers.
    "http://10.0.0.1",
    "http://10.255.255.255",
    "http://0xa.1",
    "http://012.0.0.1",
    "http://167772161",
    "http://172.16.0.1",
    "http://172.31.255.255",
    "http://192.168.0.1",
    "http://192.168.257",
    "http://0xc0a80001",
    "http://3232235777",
    "http://100.64.0.1",
    "http://100.127.255.255",
    "http://[fc00::1]",
    "http://[fd12:3456:789a::1]",
    "http://[fec0::1]",
    // Link-local, and where clouds keep their metadata.
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254.",
    "http://2852039166",
    "http://0xa9fea9fe",
    "http://0251.0376.0251.0376",
    "http://169.254.43518",
    "http://169.16689662",
    "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/opc/v2/",
    "http://168.63.129.16/machine",
    "http://[fe80::1]",
    "http://[febf::1]",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fd20:ce::254]/computeMetadata/v1/",
    // IPv4 inside of IPv6.
    "http://[::ffff:169.254.169.254]",
    "http://[::ffff:a9fe:a9fe]",
    "http://[0:0:0:0:0:ffff:7f00:1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:10.0.0.1]",
    "http://[::ffff:8.8.8.8]",
    "http://[::127.0.0.1]",
    "http://[::169.254.169.254]",
    "http://[::ffff:0:127.0.0.1]",
    "http://[64:ff9b::127.0.0.1]",
    "http://[64:ff9b::a9fe:a9fe]",
    "http://[64:ff9b::10.0.0.1]",
    "http://[64:ff9b:1::8.8.8.8]",
    "http://[64:ff9b:1::a9fe:a9fe]",
    "http://[2002:7f00:1::]",
    "http://[2002:a9fe:a9fe::1]",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "http://[2001::a9fe:a9fe]",
    // For nobody or for many.
    "http://192.0.0.1",
    "http://192.0.2.1",
    "http://192.88.99.1",
    "http://198.18.0.1",
    "http://198.51.100.7",
    "http://224.0.0.251",
    "http://240.0.0.1",
    "http://255.255.255.255",
    "http://[100::1]",
    "http://[2001:db8::1]",
    "http://[3fff::1]",
    "http://[5f00::1]",
    "http://[ff02::1]",
];

/// Spellings of hosts that the URL parser does not let through at all.
const NO_URLS: [&str; 8] = [
    "http://256.0.0.1",
    "http://127.0.0.1.1",
    "http://0x100000000",
    "http://09.0.0.1",
    "http://[::1",
    "http://[fe80::1%25eth0]",
    "http://[::ffff:0x7f.0.0.1]",
    "http://127.0.0.1%00.example.com",
];

/// Names: only what they resolve to can be judged.
const NAMES: [&str; 8] = [
    "http://localhost",
    "http://localhost.",
    "http://LOCALHOST:80",
    "http://metadata.google.internal",
    "http://127.0.0.1.nip.io",
    "http://0x7f.example.com",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "http://1.example",
];

const PUBLIC: [&str; 18] = [
    "https://1.1.1.1",
    "https://8.8.8.8:8443/x",
    "https://0x08080808",
    "https://9.255.255.255",
    "https://11.0.0.0",
    "https://100.63.255.255",
    "https://100.128.0.0",
    "https://126.255.255.255",
    "https://128.0.0.0",
    "https://169.253.255.255",
    "https://172.15.255.255",
    "https://172.32.0.0",
    "https://192.0.1.0",
    "https://223.255.255.255",
    "https://[2606:4700:4700::1111]",
    "https://[2001:4860:4860::8888]",
    "https://[2a00:1450:4001:82a::200e]",
    "https://[64:ff9b::8.8.8.8]",
];

fn literal(url: &str) -> Option<IpAddr> {
    literal_address(Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")).host_str()?)
}

#[test]
fn an_address_that_is_not_public_is_refused_in_every_spelling() {
    for url in REFUSED {
        let address = literal(url).unwrap_or_else(|| panic!("{url} spells an address"));
        assert!(!is_public(address), "{url} leads to {address}");
    }
}

#[test]
fn an_address_of_the_public_internet_is_allowed() {
    for url in PUBLIC {
        assert!(is_public(literal(url).unwrap()), "{url}");
    }
}

#[test]
fn a_name_is_no_address_and_what_is_neither_is_no_url() {
    for url in NAMES {
        assert_eq!(literal(url), None, "{url}");
    }
    for url in NO_URLS {
        assert!(Url::parse(url).is_err(), "{url}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_standard_library_calls_special_is_never_public(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        let is_special = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!(is_special && is_public(v4.into())), "{v4}");
        prop_assert!(!is_public(v4.to_ipv6_mapped().into()) && !is_public(v4.to_ipv6_compatible().into()));
        let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
        prop_assert_eq!(is_public(nat64.into()), is_public(v4.into()), "{}", nat64);
    }

    #[test]
    fn a_public_address_of_ipv6_is_global_unicast(bits in any::<u128>()) {
        let v6 = Ipv6Addr::from_bits(bits);
        let is_special = v6.is_loopback() || v6.is_multicast() || v6.is_unspecified()
            || v6.is_unique_local() || v6.is_unicast_link_local();
        prop_assert!(!is_public(v6.into()) || (bits >> 125 == 1 && !is_special), "{v6}");
    }

    #[test]
    fn an_address_in_a_url_is_read_as_it_was_written(v4 in any::<Ipv4Addr>(), v6 in any::<Ipv6Addr>()) {
        prop_assert_eq!(literal(&format!("http://{}/", v4.to_bits())), Some(v4.into()));
        prop_assert_eq!(literal(&format!("https://[{v6}]:1/")), Some(v6.into()));
    }
}
