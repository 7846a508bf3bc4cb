//! Where messages may go: to public addresses of the internet, so that nobody can make this server
//! talk to machines that only it can reach.
//!
//! The name is looked up once, and the connection goes to the address that was checked. The ranges
//! are those of the IANA special-purpose registries (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Which ports may be sent to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PortRule {
    /// 443 alone.
    #[default]
    Https,
    /// All.
    Any,
}

/// Which addresses may be sent to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which ports.
    pub ports: PortRule,
    /// Whether loopback and private networks are allowed too. Link-local addresses, where clouds
    /// keep their secrets, never are.
    pub allow_private: bool,
}

/// Why an address is forbidden.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no absolute address of the web.
    #[error("it is not an absolute https address")]
    NotHttps,
    /// It has a user name or password.
    #[error("it must not have a user name or password")]
    Credentials,
    /// Its port is not allowed.
    #[error("port {port} is not allowed")]
    Port {
        /// The port.
        port: u16,
    },
    /// It leads into a network that is not public.
    #[error("{address} is not a public address")]
    NotPublic {
        /// What the name stands for.
        address: IpAddr,
    },
}

impl Policy {
    /// Refuses what can be refused without a look-up.
    pub fn check_url(&self, url: &str) -> Result<(), Refusal> {
        let uri: Uri = url.parse().map_err(|_| Refusal::NotHttps)?;
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(Refusal::NotHttps);
        };
        if authority.as_str().contains('@') {
            return Err(Refusal::Credentials);
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().ends_with(':') => return Err(Refusal::NotHttps),
            None => 443,
        };
        if self.ports == PortRule::Https && port != 443 {
            return Err(Refusal::Port { port });
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        match host.parse() {
            Ok(address) => self.check_address(address),
            Err(_) => Ok(()),
        }
    }

    /// Refuses addresses that are not public, as far as they are not allowed.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let refusal = Err(Refusal::NotPublic { address });
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private if self.allow_private => Ok(()),
            Reach::Private | Reach::Special => refusal,
        }
    }
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The internet.
    Public,
    /// This machine or this network.
    Private,
    /// Neither: link-local, multicast, reserved, or an address in disguise.
    Special,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] | [10, ..] | [192, 168, ..] => Reach::Private,
        [172, 16..=31, ..] => Reach::Private,
        [100, 64..=127, ..] => Reach::Private, // shared by customers of a carrier
        [0, ..] | [169, 254, ..] => Reach::Special,
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Special,
        [192, 88, 99, _] | [198, 18..=19, ..] | [224..=255, ..] => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let Some(inner) = address.to_ipv4_mapped() {
        return reach_v4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // The metadata service of a large cloud.
        [0xFD00, 0x0EC2, 0, 0, 0, 0, 0, 0x254] => Reach::Special,
        [0xFC00..=0xFDFF, ..] => Reach::Private,
        // NAT64, 6to4 and Teredo hide a v4 address; documentation, benchmarks and the like lead nowhere.
        [0x2001, 0..=0x1FF, ..] | [0x2001, 0xDB8, ..] | [0x2002, ..] | [0x3FFF, 0..=0xFFF, ..] => {
            Reach::Special
        }
        [0x2000..=0x3FFF, ..] => Reach::Public,
        _ => Reach::Special,
    }
}

/// Looks names up and lets no answer pass that the policy forbids.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) policy: Policy,
    pub(super) inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        // One forbidden address among good ones is an attempt.
        for address in addresses.iter() {
            let checked = self.policy.check_address(address.ip());
            checked.map_err(|refusal| ureq::Error::Other(Box::new(refusal)))?;
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach_of(text: &str) -> Reach {
        reach(text.parse().unwrap())
    }

    #[test]
    fn only_the_internet_is_public() {
        for public in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(reach_of(public), Reach::Public, "{public}");
        }
        let private = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
        ];
        for address in private {
            assert_eq!(reach_of(address), Reach::Private, "{address}");
        }
        let special = [
            "0.0.0.0",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fd00:ec2::254",
            "fe80::1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "::",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
            "fec0::1",
            "100::1",
            "5f00::1",
        ];
        for address in special {
            assert_eq!(reach_of(address), Reach::Special, "{address}");
        }
    }

    #[test]
    fn urls_are_https_public_and_without_secrets() {
        let policy = Policy::default();
        let check = |url: &str| policy.check_url(url);
        assert_eq!(check("https://hooks.example/x?y=1"), Ok(()));
        assert_eq!(check("https://hooks.example:443/"), Ok(()));
        for url in [
            "http://hooks.example/",
            "ftp://x/",
            "//hooks.example/",
            "/x",
            "",
            "https:",
            "https://",
            "https://x:/",
        ] {
            assert_eq!(check(url), Err(Refusal::NotHttps), "{url}");
        }
        assert_eq!(
            check("https://user:pw@hooks.example/"),
            Err(Refusal::Credentials)
        );
        assert_eq!(
            check("https://hooks.example:8443/"),
            Err(Refusal::Port { port: 8443 })
        );
        for url in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(
                matches!(check(url), Err(Refusal::NotPublic { .. })),
                "{url}"
            );
        }
        let wide = Policy {
            ports: PortRule::Any,
            allow_private: true,
        };
        assert_eq!(wide.check_url("https://192.168.1.5:8443/"), Ok(()));
        assert!(
            wide.check_url("https://169.254.169.254/").is_err(),
            "metadata never"
        );
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_its_v4_address(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            prop_assert_eq!(reach_v6(v4.to_ipv6_mapped()), reach_v4(v4));
            prop_assert_eq!(reach_v4(v4) == Reach::Private, v4.is_private() || v4.is_loopback() || (100 == v4.octets()[0] && v4.octets()[1] & 0xC0 == 64));
        }

        #[test]
        fn no_url_makes_it_panic(url in "\\PC{0,60}") {
            let _ = Policy::default().check_url(&url);
            let _ = Policy::default().check_url(&format!("https://{url}"));
        }
    }
}
