//! Keys and names as text in a drawing.

use std::fmt::Write;

/// Characters of a key that are shown.
const SHOWN: usize = 40;

/// A key as `escape_ascii` writes it, its end left out if it is long.
pub fn key(key: &[u8]) -> String {
    let mut text = String::new();
    for byte in key {
        let before = text.len();
        // Writing to a string does not fail.
        let _ = write!(text, "{}", byte.escape_ascii());
        if text.len() > SHOWN {
            text.truncate(before);
            text.push('…');
            break;
        }
    }
    text
}

/// Text of at most `most` characters, its end left out if it is long.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Text as XML takes it, in elements and in attributes.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Not even as a reference.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}
