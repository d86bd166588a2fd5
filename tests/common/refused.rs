//! Options strings that must be refused, in time and with a message that names the reason.

use crate::db::parse;
use std::time::{Duration, Instant};

/// A string that must be refused, and what the message must contain.
pub struct Refused {
    pub string: String,
    pub mentions: Vec<String>,
}

pub fn refused(string: impl Into<String>, mentions: &[&str]) -> Refused {
    Refused {
        string: string.into(),
        mentions: mentions.iter().map(|m| (*m).to_owned()).collect(),
    }
}

pub fn must_be_refused(cases: Vec<Refused>) {
    let mut wrong = Vec::new();
    for Refused { string, mentions } in cases {
        let shown: String = string.chars().take(120).collect();
        let begin = Instant::now();
        match parse(&string) {
            Ok(options) => wrong.push(format!("{shown:?}: {:?}", mountdb::factories(&options))),
            Err(error) => {
                let missing: Vec<_> = mentions.iter().filter(|m| !error.contains(*m)).collect();
                if !missing.is_empty() {
                    let missing: String = format!("{missing:?}").chars().take(200).collect();
                    let error: String = error.chars().take(300).collect();
                    wrong.push(format!("{shown:?}: {error:?} does not mention {missing}"));
                }
            }
        }
        if begin.elapsed() > Duration::from_secs(5) {
            wrong.push(format!("{shown:?}: took {:?}", begin.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
