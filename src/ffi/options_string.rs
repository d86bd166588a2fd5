//! What RocksDB's options parser lets pass in silence and an options string should not say.
//!
//! RocksDB reads `name=value;name={...}` into a hash map: of two settings of one name the
//! last wins, and settings that act on the same thing under different names take effect in
//! the order of their hashes.

use std::collections::HashMap;

/// Levels of braces that are looked at; no option nests deeper than this.
const DEPTH: usize = 4;

/// Refuses NUL bytes, names that are said twice, structures that are chosen twice or chosen
/// and changed, and fields of a memtable without the memtable. What else may be wrong with
/// `text` is left to RocksDB's parser. O(len).
pub(super) fn check(text: &str) -> Result<(), String> {
    if let Some(at) = text.find('\0') {
        return Err(format!("the options string has a NUL byte at byte {at}"));
    }
    check_level(text, 0)
}

fn check_level(text: &str, depth: usize) -> Result<(), String> {
    let mut said: HashMap<String, &str> = HashMap::new();
    for (name, value) in settings(text) {
        let thing = match depth {
            0 => top_level_thing(name),
            _ => without_factory(name).to_owned(),
        };
        // RocksDB takes `memtable_factory.anything=id` for the choice of a memtable.
        if let (0, Some(field)) = (depth, thing.strip_prefix("memtable_factory.")) {
            return Err(format!(
                "'{name}': a memtable is chosen as a whole: \
                 write memtable_factory={{id=...;{field}=...}}"
            ));
        }
        if let Some(before) = said.insert(thing, name) {
            return Err(match before == name {
                true => format!("'{name}' is said twice: say it once, RocksDB would keep either"),
                false => format!("'{before}' and '{name}' set the same thing: say one of them"),
            });
        }
        if depth < DEPTH && value.starts_with('{') {
            check_level(value, depth + 1)?;
        }
    }
    for (thing, name) in &said {
        let Some((structure, field)) = thing.split_once('.') else {
            continue;
        };
        if let Some(choice) = said.get(structure) {
            return Err(format!(
                "'{choice}' would or would not overwrite '{name}': \
                 write {structure}={{id=...;{field}=...}}"
            ));
        }
    }
    Ok(())
}

/// What a name at the top level acts on: `structure`, or `structure.field`.
fn top_level_thing(name: &str) -> String {
    let (structure, field) = match name.split_once('.') {
        Some((structure, field)) => (structure, Some(without_factory(field))),
        None => (name, None),
    };
    let structure = match structure {
        "block_based_table_factory" | "plain_table_factory" => "table_factory",
        "memtable" => "memtable_factory",
        other => other,
    };
    match field {
        None | Some("id") => structure.to_owned(),
        Some(field) => format!("{structure}.{field}"),
    }
}

/// RocksDB takes the factory's name in front of a field: `mountdb.block_size`.
fn without_factory(field: &str) -> &str {
    [
        "mountdb.",
        "BlockBasedTable.",
        "PlainTable.",
        "CuckooTable.",
    ]
    .iter()
    .find_map(|factory| field.strip_prefix(factory))
    .unwrap_or(field)
}

/// The settings of one level, read as RocksDB's `StringToMap` reads them, up to the first
/// place where it would refuse the string. A value in braces keeps them.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text.trim();
    while let Some(inner) = rest.strip_prefix('{').and_then(|r| r.strip_suffix('}')) {
        rest = inner.trim();
    }
    std::iter::from_fn(move || {
        let (name, after) = rest.split_once('=')?;
        if name.contains(['{', '}', ';']) {
            return None;
        }
        let after = after.trim_start();
        let end = match after.starts_with('{') {
            true => closing_brace(after)? + 1,
            false => after.find(';').unwrap_or(after.len()),
        };
        let value = after[..end].trim_end();
        let after = after[end..].trim_start();
        rest = match after.strip_prefix(';') {
            Some(after) => after,
            None if after.is_empty() => after,
            None => return None,
        };
        Some((name.trim(), value))
    })
}

/// Where the brace that `text` begins with is closed.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0usize;
    text.bytes().position(|byte| {
        open += usize::from(byte == b'{');
        open -= usize::from(byte == b'}');
        open == 0
    })
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
            (
                "memtable_factory=mountdb;memtable.reuse=false",
                "memtable_factory={id=...;reuse=...}",
            ),
            ("memtable_factory.reuse=vector", "'memtable_factory.reuse'"),
            ("a=1\0", "byte 3"),
        ] {
            let error = check(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
