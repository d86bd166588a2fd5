//! What a table file's properties say of its learned index.
//!
//! The values are text. `sst_dump --show_properties` prints values in hexadecimal, so a learned
//! file has one more property for people, whose name says it all and whose value is empty.

use crate::index::Summary;

/// Properties are named by this and a field.
pub(super) const PREFIX: &str = "mountdb.index";

/// Names and values of the table properties of a file with a learned index, as
/// `mountdb`'s table writes them. The last one has no value: its name says all in words.
pub fn index_properties(summary: &Summary) -> Vec<(String, String)> {
    let &Summary {
        blocks,
        stored_bytes,
        segments,
        largest_error,
    } = summary;
    let bits = format!("{:.1}", summary.bits_a_block());
    let mut sentence = format!(
        "{PREFIX}: {blocks} data blocks in {stored_bytes} bytes, {bits} bits a block, \
         {segments} segments"
    );
    let mut fields = vec![
        ("", "learned".to_owned()),
        (".blocks", blocks.to_string()),
        (".bytes", stored_bytes.to_string()),
        (".bits_a_block", bits),
        (".segments", segments.to_string()),
    ];
    if let Some(error) = largest_error {
        let error = format!("{error:.1}");
        sentence.push_str(&format!(", largest residual {error} blocks"));
        fields.push((".largest_residual_in_blocks", error));
    }
    named(fields, sentence)
}

/// Names and values for a file without one, and why.
pub(super) fn not_learned(why: &str) -> Vec<(String, String)> {
    let fields = vec![("", "none".to_owned()), (".why_not", why.to_owned())];
    named(fields, format!("{PREFIX}: none, {why}"))
}

fn named(fields: Vec<(&str, String)>, sentence: String) -> Vec<(String, String)> {
    let fields = fields.into_iter();
    let mut named: Vec<_> = fields
        .map(|(field, value)| (format!("{PREFIX}{field}"), value))
        .collect();
    named.push((sentence, String::new()));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(properties: &[(String, String)]) -> Vec<String> {
        (properties.iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn in_words() {
        let mut summary = Summary {
            blocks: 16,
            stored_bytes: 51,
            segments: 2,
            largest_error: Some(1.26),
        };
        assert_eq!(
            lines(&index_properties(&summary)),
            [
                "mountdb.index=learned",
                "mountdb.index.blocks=16",
                "mountdb.index.bytes=51",
                "mountdb.index.bits_a_block=25.5",
                "mountdb.index.segments=2",
                "mountdb.index.largest_residual_in_blocks=1.3",
                "mountdb.index: 16 data blocks in 51 bytes, 25.5 bits a block, 2 segments, \
                 largest residual 1.3 blocks=",
            ]
        );
        summary.largest_error = None;
        let strings = lines(&index_properties(&summary));
        assert!(
            strings.iter().all(|line| !line.contains("residual")),
            "{strings:?}"
        );
        assert_eq!(
            lines(&not_learned("a reason")),
            [
                "mountdb.index=none",
                "mountdb.index.why_not=a reason",
                "mountdb.index: none, a reason=",
            ]
        );
    }
}
