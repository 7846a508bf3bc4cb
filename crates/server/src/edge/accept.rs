//! What a client would like to get: `Accept` as in RFC 9110, section 12.5.1.

use axum::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// Most media ranges that are looked at.
const MAX_RANGES: usize = 64;

/// The index of the offer that the client likes best; of equals the first offer.
///
/// A more precise range decides over a wider one. Without the header everything is liked. 406 if
/// nothing is, with the list of what there is.
pub fn negotiate(headers: &HeaderMap, offers: &[&str]) -> Result<usize, Problem> {
    let values = headers.get_all(header::ACCEPT).iter();
    let text: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let text = text.join(",");
    let ranges: Vec<Range<'_>> = text
        .split(',')
        .take(MAX_RANGES)
        .filter_map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return Ok(0);
    }
    let quality = |offer: &str| {
        let matching = ranges
            .iter()
            .filter_map(|range| Some((range.matches(offer)?, range.quality)));
        matching
            .max_by_key(|&(precision, _)| precision)
            .map_or(0, |(_, quality)| quality)
    };
    let liked = offers.iter().enumerate().rev();
    let best = liked.max_by_key(|(_, offer)| quality(offer));
    match best {
        Some((index, offer)) if quality(offer) > 0 => Ok(index),
        _ => {
            let detail = format!("the answer can be {}", offers.join(", "));
            Err(Problem::new(Code::NotAcceptable, detail))
        }
    }
}

/// `audio/*;q=0.5`.
#[derive(Debug)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// Thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("q")
                .then_some(value.trim())
        });
        // A weight that is none makes the range count less than any that is well-formed.
        let quality = weight.map_or(Some(1.0), |text| text.parse::<f32>().ok());
        let quality = quality.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.001);
        Some(Self {
            kind,
            subtype,
            quality: (quality * 1000.0).round() as u16,
        })
    }

    /// How precisely the range names the offer: 0 for `*/*`, 1 for `audio/*`, 2 for its name.
    fn matches(&self, offer: &str) -> Option<u8> {
        let (kind, subtype) = offer.split_once('/')?;
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, name) if own.eq_ignore_ascii_case(kind) && same(name, subtype) => Some(2),
            _ => None,
        }
    }
}

/// Names of one and the same kind of file count as equal.
fn same(asked: &str, offered: &str) -> bool {
    const ALIASES: [(&str, &str); 6] = [
        ("x-wav", "wav"),
        ("wave", "wav"),
        ("vnd.wave", "wav"),
        ("x-flac", "flac"),
        ("mp3", "mpeg"),
        ("opus", "ogg"),
    ];
    let alias =
        |&(alias, name): &(&str, &str)| asked.eq_ignore_ascii_case(alias) && name == offered;
    asked.eq_ignore_ascii_case(offered) || ALIASES.iter().any(alias)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const OFFERS: [&str; 5] = [
        "application/json",
        "text/event-stream",
        "audio/wav",
        "audio/mpeg",
        "audio/ogg",
    ];

    fn best(accept: &str) -> Option<&'static str> {
        let value = HeaderValue::from_str(accept).unwrap();
        let headers = HeaderMap::from_iter([(header::ACCEPT, value)]);
        negotiate(&headers, &OFFERS).ok().map(|index| OFFERS[index])
    }

    #[test]
    fn the_client_gets_what_it_likes_best() {
        let cases = [
            ("*/*", "application/json"),
            ("", "application/json"),
            ("audio/wav", "audio/wav"),
            ("AUDIO/X-WAV", "audio/wav"),
            ("audio/*", "audio/wav"),
            ("audio/*, audio/wav;q=0", "audio/mpeg"),
            ("audio/mp3;q=0.9, audio/ogg;q=0.8", "audio/mpeg"),
            ("audio/ogg, audio/mpeg", "audio/mpeg"),
            ("text/event-stream, */*;q=0.1", "text/event-stream"),
            ("*/*;q=0.5, application/json;q=0.1", "text/event-stream"),
            ("application/json; charset=utf-8", "application/json"),
            ("audio/wav;q=high, audio/ogg;q=0.5", "audio/ogg"),
            ("audio/wav ; q = 0.3 , audio/opus;q=0.4", "audio/ogg"),
        ];
        for (accept, expected) in cases {
            assert_eq!(best(accept), Some(expected), "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &OFFERS), Ok(0));
    }

    #[test]
    fn nothing_fits_is_406_with_the_list() {
        for accept in ["image/png", "*/*;q=0", "audio/aac", "audio/*;q=0, image/*"] {
            assert_eq!(best(accept), None, "{accept}");
        }
        let value = HeaderValue::from_static("image/png");
        let headers = HeaderMap::from_iter([(header::ACCEPT, value)]);
        let problem = negotiate(&headers, &OFFERS).unwrap_err();
        assert!(problem.status == 406 && problem.detail.contains("audio/mpeg"));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(accept in "[ -~]{0,200}") {
            let _ = best(&accept);
        }

        #[test]
        fn a_named_offer_beats_everything_wider(index in 0..OFFERS.len(), wide in 0..3_usize) {
            let wide = ["*/*", "audio/*", "text/*"][wide];
            let accept = format!("{wide};q=0.9, {}", OFFERS[index]);
            prop_assert_eq!(best(&accept), Some(OFFERS[index]));
        }
    }
}
