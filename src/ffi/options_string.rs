//! What RocksDB's options parser lets pass in silence and an options string should not say.
//!
//! RocksDB reads `name=value;name={...}` into a hash map: of two settings of one name the
//! last wins, and settings that act on the same thing under different names take effect in
//! the order of their hashes.

use std::collections::HashSet;

/// The names under which a string can choose a structure; one of each group is enough.
const CHOICES: [&[&str]; 2] = [
    &[
        "table_factory",
        "block_based_table_factory",
        "plain_table_factory",
    ],
    &["memtable_factory", "memtable"],
];

/// Refuses NUL bytes, names that are said twice, and structures that are chosen twice. What
/// else may be wrong with `text` is left to RocksDB's parser. O(len).
pub(super) fn check(text: &str) -> Result<(), String> {
    if let Some(at) = text.find('\0') {
        return Err(format!("the options string has a NUL byte at byte {at}"));
    }
    let mut top = Level::default();
    let mut levels: Vec<Level<'_>> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        let level = levels.last_mut().unwrap_or(&mut top);
        match byte {
            b'{' => levels.push(Level::starting_at(at + 1)),
            b'}' => {
                levels.pop();
            }
            b';' => {
                level.start = at + 1;
                level.named = false;
            }
            b'=' if !level.named => {
                level.named = true;
                let name = text[level.start..at].trim();
                if !level.names.insert(name) {
                    return Err(format!(
                        "'{name}' is said twice; RocksDB would keep one of the two: say it once"
                    ));
                }
            }
            _ => {}
        }
    }
    check_choices(&top.names)
}

/// The settings between two braces, as far as they have been read.
#[derive(Default)]
struct Level<'a> {
    names: HashSet<&'a str>,
    /// Where the current setting begins, and whether its name has been read.
    start: usize,
    named: bool,
}

impl Level<'_> {
    fn starting_at(start: usize) -> Self {
        Level {
            start,
            ..Level::default()
        }
    }
}

fn check_choices(names: &HashSet<&str>) -> Result<(), String> {
    for choice in CHOICES {
        let mut said = choice.iter().filter(|name| names.contains(**name));
        let (Some(first), second) = (said.next(), said.next()) else {
            continue;
        };
        if let Some(second) = second {
            return Err(format!(
                "'{first}' and '{second}' choose the same thing: say one of them"
            ));
        }
        let field = names.iter().find_map(|name| {
            let (structure, field) = name.split_once('.')?;
            choice.contains(&structure).then_some((name, field))
        });
        if let Some((name, field)) = field {
            return Err(format!(
                "'{first}' would or would not overwrite '{name}': write {first}={{id=...;{field}=...}}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn sound_strings_pass() {
        for text in [
            "",
            "a=1;b=2",
            "a={x=1;y={x=1}};b={x=1;y=2};",
            "table_factory={id=mountdb;filter_policy=bloomfilter:10:false};memtable=skip_list",
            "table_factory.block_size=4096;table_factory.checksum=kCRC32c",
            // Broken in ways that RocksDB's parser names.
            "}}}}",
            "{{{{",
            "a=b=c",
            "=",
            "größe=1",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check(&"{".repeat(1 << 20)), Ok(()));
        let deep = "a={".repeat(1 << 18) + &"}".repeat(1 << 18);
        assert_eq!(check(&deep), Ok(()));
    }

    #[test]
    fn what_is_said_twice_is_refused() {
        for (text, part) in [
            ("a=1;b=2; a =3", "'a'"),
            ("table_factory={id=mountdb;id=BlockBasedTable}", "'id'"),
            ("x={y={z=1;z=1}}", "'z'"),
            (
                "table_factory=a;plain_table_factory={}",
                "'plain_table_factory'",
            ),
            ("memtable=a;memtable_factory=b", "'memtable'"),
            (
                "table_factory=mountdb;table_factory.block_size=1",
                "block_size=...",
            ),
            ("a=1\0", "byte 3"),
        ] {
            let error = check(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
