//! How long a client would wait for its music, and when it no longer wants it: `Prefer` (RFC 7240)
//! and `Cancel-After`.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::problem::{Code, Problem};

/// The header that sets a job's deadline.
pub const CANCEL_AFTER: HeaderName = HeaderName::from_static("cancel-after");
/// The header that says which preference was honoured.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Shortest and longest time for `Cancel-After`.
const CANCEL_RANGE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(86_400));

/// How long to wait before answering; nothing for an answer at once.
///
/// `Prefer: wait=30`, at most `max`; `wait` without a number waits `max`. `respond-async` wins. As
/// RFC 7240 asks, preferences that are unknown or malformed are ignored, and of repeated ones the
/// first counts.
pub fn wait(headers: &HeaderMap, max: Duration) -> Option<Duration> {
    let values = headers.get_all("prefer").iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut wait = None;
    for preference in values.flat_map(|value| value.split(',')) {
        let preference = preference.split(';').next().unwrap_or_default();
        let (name, value) = match preference.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (preference.trim(), None),
        };
        if name.eq_ignore_ascii_case("respond-async") {
            return None;
        }
        if name.eq_ignore_ascii_case("wait") && wait.is_none() {
            wait = match value {
                None | Some("") => Some(max),
                Some(text) => text.parse().ok().map(|s| Duration::from_secs(s).min(max)),
            };
        }
    }
    wait.filter(|wait| !wait.is_zero())
}

/// `Preference-Applied` for a wait that was honoured.
pub fn applied(wait: Duration) -> HeaderValue {
    HeaderValue::try_from(format!("wait={}", wait.as_secs())).expect("ASCII digits and words")
}

/// After which time a job is to be given up: `90`, `90s`, `5m` or `1h30m`.
///
/// 400 if it is malformed, 422 if it is shorter than 5 s or longer than a day.
pub fn cancel_after(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(CANCEL_AFTER) else {
        return Ok(None);
    };
    let refuse = |code, detail| Err(Problem::new(code, detail));
    let (shortest, longest) = CANCEL_RANGE;
    match value.to_str().ok().and_then(duration) {
        None => refuse(
            Code::BadRequest,
            "Cancel-After must be a time such as 90, 90s, 5m or 1h30m",
        ),
        Some(time) if time < shortest => refuse(Code::Invalid, "Cancel-After must be at least 5 s"),
        Some(time) if time > longest => refuse(Code::Invalid, "Cancel-After must be at most 24h"),
        Some(time) => Ok(Some(time)),
    }
}

/// Seconds, or numbers with the units h, m and s in this order, each at most once.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let mut units: &[(char, u64)] = &[('h', 3600), ('m', 60), ('s', 1)];
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = rest[digits..].chars().next()?;
        let index = units.iter().position(|&(name, _)| name == unit)?;
        let number: u64 = rest[..digits].parse().ok()?;
        total = total.checked_add(number.checked_mul(units[index].1)?)?;
        units = &units[index + 1..];
        rest = &rest[digits + unit.len_utf8()..];
    }
    (!text.is_empty()).then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: Duration = Duration::from_secs(60);

    fn waits(value: &str) -> Option<u64> {
        let value = HeaderValue::from_str(value).unwrap();
        let headers = HeaderMap::from_iter([(HeaderName::from_static("prefer"), value)]);
        wait(&headers, MAX).map(|wait| wait.as_secs())
    }

    fn cancels(value: &str) -> Result<Option<u64>, u16> {
        let value = HeaderValue::from_str(value).unwrap();
        let read = cancel_after(&HeaderMap::from_iter([(CANCEL_AFTER, value)]));
        read.map(|time| time.map(|time| time.as_secs()))
            .map_err(|problem| problem.status)
    }

    #[test]
    fn waiting_is_bounded_and_optional() {
        let cases = [
            ("wait=30", Some(30)),
            ("Wait = \"30\"", Some(30)),
            ("wait=300", Some(60)),
            ("wait", Some(60)),
            ("wait=0", None),
            ("wait=-1", None),
            ("wait=soon", None),
            ("return=minimal, wait=5;x=1, wait=50", Some(5)),
            ("wait=30, respond-async", None),
            ("waiting=30", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(waits(value), expected, "{value}");
        }
        assert_eq!(wait(&HeaderMap::new(), MAX), None);
        assert_eq!(applied(Duration::from_secs(30)), "wait=30");
    }

    #[test]
    fn deadlines_have_units_and_bounds() {
        let cases = [
            ("90", Ok(Some(90))),
            ("90s", Ok(Some(90))),
            ("5m", Ok(Some(300))),
            ("1h30m", Ok(Some(5400))),
            ("1h0m1s", Ok(Some(3601))),
            ("24h", Ok(Some(86_400))),
            ("4s", Err(422)),
            ("25h", Err(422)),
            ("", Err(400)),
            ("m", Err(400)),
            ("5m1h", Err(400)),
            ("5m5m", Err(400)),
            ("5 m", Err(400)),
            ("-5m", Err(400)),
            ("1.5h", Err(400)),
            ("99999999999999999999h", Err(400)),
            ("18446744073709551615h", Err(400)),
        ];
        for (value, expected) in cases {
            assert_eq!(cancels(value), expected, "{value}");
        }
        assert_eq!(cancel_after(&HeaderMap::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in "[ -~]{0,60}") {
            prop_assert!(waits(&value).is_none_or(|s| (1..=60).contains(&s)));
            let _ = cancels(&value);
        }

        #[test]
        fn hours_minutes_and_seconds_add_up(h in 0_u64..24, m in 0_u64..60, s in 5_u64..60) {
            prop_assert_eq!(cancels(&format!("{h}h{m}m{s}s")), Ok(Some(h * 3600 + m * 60 + s)));
        }
    }
}
