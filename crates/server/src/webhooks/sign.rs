//! Signatures by which a receiver knows that a message is ours: HMAC-SHA-256 over id, time and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a secret begins with when it is shown.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret, as the standard asks.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Holds a secret that the receiver has too.
#[derive(Clone)]
pub struct Signer(Vec<u8>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// From `whsec_` and 24 to 64 bytes in Base64.
    pub fn from_secret(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// A new secret, as [`from_secret`](Self::from_secret) reads it. Fails if the operating system
    /// has no random numbers.
    pub fn new_secret() -> crate::Result<String> {
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|error| crate::Error::Unavailable {
            reason: format!("the system gave no random numbers: {error}"),
        })?;
        Ok(format!("{PREFIX}{}", STANDARD.encode(random)))
    }

    /// Values of `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    pub fn headers(&self, id: &str, now_s: i64, body: &str) -> [String; 3] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{now_s}.{body}").as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        [id.to_owned(), now_s.to_string(), format!("v1,{signature}")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // The example in the specification of Standard Webhooks.
        let signer = Signer::from_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let [id, time, signature] =
            signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(
            (id.as_str(), time.as_str()),
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn secrets_are_read_back_and_nonsense_is_not() {
        let secret = Signer::new_secret().unwrap();
        let headers =
            |text: &str| Signer::from_secret(text).map(|signer| signer.headers("a", 1, "b"));
        assert_eq!(headers(&secret), headers(&format!(" {secret}\n")));
        assert_ne!(headers(&secret), headers(&Signer::new_secret().unwrap()));
        for wrong in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_!!!",
        ] {
            assert!(Signer::from_secret(wrong).is_none(), "{wrong}");
        }
        assert_eq!(
            format!("{:?}", Signer::from_secret(&secret).unwrap()),
            "Signer(…)"
        );
    }
}
