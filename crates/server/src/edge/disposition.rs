//! Names under which files are saved: `Content-Disposition` as in RFC 6266 and RFC 8187.
//!
//! The name comes from a prompt, so anything may be in it; what leaves here cannot break out of the
//! header, climb out of a folder or hide an extension. It is never used on our own disk.

use std::fmt::{self, Write};

/// Longest name without extension, in characters.
const MAX_NAME_CHARS: usize = 80;

/// How a file is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    /// Safe file name with its extension.
    name: String,
    /// Saved at once rather than played.
    attachment: bool,
}

impl Disposition {
    /// A name made of a prompt: its words, and `extension`, which is ours.
    pub fn new(prompt: &str, extension: &str, attachment: bool) -> Self {
        let mut name = String::new();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '#' | '\'');
        for word in prompt
            .split(|c: char| !allowed(c))
            .filter(|word| !word.is_empty())
        {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(word);
        }
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        let name = match name.trim() {
            "" => "music",
            name => name,
        };
        Self {
            name: format!("{name}.{extension}"),
            attachment,
        }
    }
}

impl fmt::Display for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.attachment {
            "attachment"
        } else {
            "inline"
        };
        let plain: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii() { c } else { '_' })
            .collect();
        write!(f, "{kind}; filename=\"{plain}\"")?;
        if !self.name.is_ascii() {
            f.write_str("; filename*=UTF-8''")?;
            for byte in self.name.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'#' => {
                        f.write_char(byte.into())?;
                    }
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(prompt: &str) -> String {
        Disposition::new(prompt, "wav", true).to_string()
    }

    #[test]
    fn names_are_words_of_the_prompt() {
        assert_eq!(
            shown("lo-fi piano, F# minor"),
            "attachment; filename=\"lo-fi piano F# minor.wav\""
        );
        assert_eq!(
            shown("Blå toner"),
            "attachment; filename=\"Bl_ toner.wav\"; filename*=UTF-8''Bl%C3%A5%20toner.wav"
        );
        assert_eq!(shown("…"), "attachment; filename=\"music.wav\"");
        let inline = Disposition::new("x", "mp3", false).to_string();
        assert_eq!(inline, "inline; filename=\"x.mp3\"");
    }

    #[test]
    fn hostile_prompts_stay_names() {
        let hostile = [
            (
                "../../etc/passwd",
                "attachment; filename=\"etc passwd.wav\"",
            ),
            (
                "a\"; filename=\"evil.exe",
                "attachment; filename=\"a filename evil exe.wav\"",
            ),
            (
                "x\r\nSet-Cookie: a=b",
                "attachment; filename=\"x Set-Cookie a b.wav\"",
            ),
            ("$(rm -rf ~).wav", "attachment; filename=\"rm -rf wav.wav\""),
        ];
        for (prompt, expected) in hostile {
            assert_eq!(shown(prompt), expected);
        }
    }

    proptest! {
        #[test]
        fn the_header_is_one_line_of_visible_ascii(prompt in any::<String>()) {
            let header = shown(&prompt);
            prop_assert!(header.bytes().all(|c| (b' '..=b'~').contains(&c)), "{header}");
            prop_assert_eq!(header.matches('"').count(), 2);
            prop_assert!(!header.contains('/') && !header.contains("..") && !header.contains('\\'));
            prop_assert!(header.len() < 1200);
        }
    }
}
