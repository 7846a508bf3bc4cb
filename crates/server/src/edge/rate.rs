//! How often each key may ask: a bucket of requests that fills up again, and the headers that say
//! how full it is.
//!
//! Headers as in draft-ietf-httpapi-ratelimit-headers-10. Limits on jobs and on audio seconds are
//! the store's, which counts them together with the jobs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue};

/// Most callers that are remembered; beyond it those with full buckets are forgotten.
const MAX_CALLERS: usize = 10_000;

/// How often one caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Requests that a rested caller may send at once.
    pub quota: u32,
    /// Seconds in which an empty bucket becomes full.
    pub window_s: u32,
}

impl Default for Policy {
    /// 600 requests a minute.
    fn default() -> Self {
        Self {
            quota: 600,
            window_s: 60,
        }
    }
}

/// Whether a request may pass, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may pass.
    pub allowed: bool,
    /// Whole requests that are left.
    pub remaining: u32,
    /// Seconds until the bucket is full, or, for a refused request, until one more may pass.
    pub wait_s: u64,
    policy: Policy,
}

impl Decision {
    /// Adds `RateLimit` and `RateLimit-Policy`.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Policy { quota, window_s } = self.policy;
        let fields = [
            (
                "ratelimit-policy",
                format!("\"requests\";q={quota};w={window_s}"),
            ),
            (
                "ratelimit",
                format!("\"requests\";r={};t={}", self.remaining, self.wait_s),
            ),
        ];
        for (name, value) in fields {
            let value = HeaderValue::try_from(value).expect("ASCII digits and words");
            headers.insert(name, value);
        }
    }
}

/// What one caller has left, and when that was.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets of all callers.
#[derive(Debug)]
pub struct RateLimiter {
    policy: Policy,
    buckets: Mutex<HashMap<Box<str>, Bucket>>,
}

impl RateLimiter {
    /// Full buckets for everybody. A quota or window of 0 counts as 1.
    pub fn new(policy: Policy) -> Self {
        let policy = Policy {
            quota: policy.quota.max(1),
            window_s: policy.window_s.max(1),
        };
        Self {
            policy,
            buckets: Mutex::default(),
        }
    }

    /// Takes one request out of the caller's bucket at the time `now`.
    pub fn take(&self, caller: &str, now: Instant) -> Decision {
        let quota = f64::from(self.policy.quota);
        let per_s = quota / f64::from(self.policy.window_s);
        let filled = |bucket: &Bucket| {
            let elapsed = now.saturating_duration_since(bucket.at);
            (bucket.tokens + elapsed.as_secs_f64() * per_s).min(quota)
        };
        let mut buckets = self
            .buckets
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if buckets.len() >= MAX_CALLERS && !buckets.contains_key(caller) {
            buckets.retain(|_, bucket| filled(bucket) < quota);
            if buckets.len() >= MAX_CALLERS {
                // Nobody rests: forgetting the longest silent one costs it nothing but its debts.
                let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.at);
                let oldest = oldest.map(|(caller, _)| caller.clone());
                oldest.and_then(|caller| buckets.remove(&caller));
            }
        }
        let bucket = buckets.entry(caller.into()).or_insert(Bucket {
            tokens: quota,
            at: now,
        });
        let tokens = filled(bucket);
        let allowed = tokens >= 1.0;
        let left = if allowed { tokens - 1.0 } else { tokens };
        *bucket = Bucket {
            tokens: left,
            at: bucket.at.max(now),
        };
        let missing = if allowed { quota - left } else { 1.0 - left };
        Decision {
            allowed,
            remaining: left as u32,
            wait_s: Duration::from_secs_f64(missing / per_s)
                .as_secs_f64()
                .ceil() as u64,
            policy: self.policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limiter = RateLimiter::new(Policy {
            quota: 3,
            window_s: 6,
        });
        let start = Instant::now();
        let left: Vec<_> = (0..4).map(|_| limiter.take("a", start)).collect();
        assert_eq!(
            left.iter().map(|d| d.remaining).collect::<Vec<_>>(),
            [2, 1, 0, 0]
        );
        assert_eq!(
            left.iter().map(|d| d.allowed).collect::<Vec<_>>(),
            [true, true, true, false]
        );
        assert_eq!((left[0].wait_s, left[3].wait_s), (2, 2));
        assert!(limiter.take("b", start).allowed, "others have their own");
        assert!(
            !limiter
                .take("a", start + Duration::from_millis(1900))
                .allowed
        );
        assert!(
            limiter
                .take("a", start + Duration::from_millis(2000))
                .allowed
        );
        assert!(
            !limiter
                .take("a", start + Duration::from_millis(2001))
                .allowed
        );
        let rested = limiter.take("a", start + Duration::from_secs(3600));
        assert_eq!(rested.remaining, 2, "never more than the quota");
    }

    #[test]
    fn headers_state_policy_and_rest() {
        let limiter = RateLimiter::new(Policy {
            quota: 10,
            window_s: 60,
        });
        let mut headers = HeaderMap::new();
        limiter.take("a", Instant::now()).write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"requests\";q=10;w=60");
        assert_eq!(headers["ratelimit"], "\"requests\";r=9;t=6");
    }

    #[test]
    fn a_crowd_does_not_fill_the_memory() {
        let limiter = RateLimiter::new(Policy::default());
        let now = Instant::now();
        for caller in 0..MAX_CALLERS + 500 {
            limiter.take(
                &caller.to_string(),
                now + Duration::from_nanos(caller as u64),
            );
        }
        assert_eq!(limiter.buckets.lock().unwrap().len(), MAX_CALLERS);
    }

    proptest! {
        /// However requests arrive, in any window no more pass than the quota and what flowed in.
        #[test]
        fn never_more_than_the_policy(
            quota in 1_u32..20, window_s in 1_u32..20,
            gaps_ms in prop::collection::vec(0_u64..3000, 1..200),
        ) {
            let limiter = RateLimiter::new(Policy { quota, window_s });
            let start = Instant::now();
            let (mut elapsed_ms, mut passed) = (0, 0);
            for gap in gaps_ms {
                elapsed_ms += gap;
                passed += u32::from(limiter.take("a", start + Duration::from_millis(elapsed_ms)).allowed);
                let refill = elapsed_ms as f64 / 1000.0 * f64::from(quota) / f64::from(window_s);
                prop_assert!(f64::from(passed) <= f64::from(quota) + refill + 1e-6);
            }
        }
    }
}
