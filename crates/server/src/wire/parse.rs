//! JSON from outside: what is broken, nested too deep, or not of the form that was asked for, with a
//! pointer to it.

use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Fault;
use crate::{Error, Result};

/// Deepest nesting of JSON.
const MAX_DEPTH: usize = 32;

/// Reads JSON from outside. Broken JSON is [`Error::Json`]; a wrong or unknown field is
/// [`Error::Invalid`] with its pointer.
pub fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T> {
    check_depth(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer_of(error.path());
        let error = error.into_inner();
        match error.classify() {
            serde_json::error::Category::Data => Error::Invalid {
                faults: vec![Fault::new(pointer, without_place(&error))],
            },
            _ => Error::Json {
                detail: error.to_string(),
            },
        }
    })?;
    json.end().map_err(|error| Error::Json {
        detail: error.to_string(),
    })?;
    let mut faults = Vec::new();
    if let (Ok(sent), Ok(read)) = (serde_json::from_slice(bytes), serde_json::to_value(&parsed)) {
        lists_for_objects(&sent, &read, "", &mut faults);
    }
    match faults.is_empty() {
        true => Ok(parsed),
        false => Err(Error::Invalid { faults }),
    }
}

/// Finds lists where objects belong: serde takes a list of the fields' values for an object, but no
/// other reader of the same JSON would.
fn lists_for_objects(sent: &Value, read: &Value, pointer: &str, faults: &mut Vec<Fault>) {
    match (sent, read) {
        (Value::Array(_), Value::Object(_)) => {
            faults.push(Fault::new(pointer, "must be an object"));
        }
        (Value::Array(sent), Value::Array(read)) => {
            for (index, (sent, read)) in sent.iter().zip(read).enumerate() {
                lists_for_objects(sent, read, &format!("{pointer}/{index}"), faults);
            }
        }
        (Value::Object(sent), Value::Object(read)) => {
            for (name, sent) in sent {
                let read = read.get(name).unwrap_or(&Value::Null);
                lists_for_objects(sent, read, &format!("{pointer}/{name}"), faults);
            }
        }
        _ => {}
    }
}

/// The message without serde's line and column, which the pointer replaces.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path.iter() {
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => {
                write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Enum { variant } => write!(pointer, "/{variant}"),
            Segment::Unknown => Ok(()),
        };
    }
    pointer
}

fn check_depth(bytes: &[u8]) -> Result<()> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::Json {
                detail: format!("nested deeper than {MAX_DEPTH}"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::GenerationRequest;

    #[test]
    fn a_list_is_no_object_wherever_it_stands() {
        for (body, pointer) in [
            (r#"["piano"]"#, ""),
            (r#"{"prompt": "a", "controls": [null, null]}"#, "/controls"),
            (r#"{"prompt": "a", "output": ["wav"]}"#, "/output"),
            (
                r#"{"prompt": "a", "output": {"loudness": [-14, -1]}}"#,
                "/output/loudness",
            ),
            (
                r#"{"prompt": "a", "controls": {"beats": [[0, 1]]}}"#,
                "/controls/beats/0",
            ),
        ] {
            let refused = parse::<GenerationRequest>(body.as_bytes());
            let Err(Error::Invalid { faults }) = refused else {
                panic!("{body}: {refused:?}");
            };
            assert_eq!(faults[0].pointer, pointer, "{body}");
        }
        let metadata = r#"{"prompt": "a", "metadata": {"a": "b"}, "controls": {"beats": []}}"#;
        parse::<GenerationRequest>(metadata.as_bytes()).unwrap();
    }
}
