//! What can go wrong, and the exit status it ends in.

use std::fmt;

/// An error of the harness. Its text is one line that says what to do next where
/// there is something to do.
#[derive(Debug)]
pub enum Error {
    /// The command line asks for something that cannot be run. Exit status 2.
    Usage(String),
    /// The run broke off. Exit status 1.
    Run(String),
    /// Interrupted before there was anything to report. Exit status 130.
    Interrupted,
}

impl Error {
    /// The exit status of the process that ends with this error.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Run(_) => 1,
            // As a shell says it of a process that Ctrl-C has ended.
            Error::Interrupted => 130,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Usage(text) | Error::Run(text) => text,
            Error::Interrupted => "interrupted",
        })
    }
}

impl std::error::Error for Error {}

/// Adds what was being done to the error of another library.
pub(crate) trait Context<T> {
    /// Turns an error into [`Error::Run`] with the text `what: error`.
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|e| Error::Run(format!("{}: {e}", what())))
    }
}
