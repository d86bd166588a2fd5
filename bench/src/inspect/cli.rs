//! The command line of `mountdb`.

use crate::error::{Context, Error};
use crate::inspect::file::{Finding, Inspected};
use crate::inspect::{plot, report};
use clap::{Args, Parser, Subcommand};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Looks into the table files of a database. The database may be open meanwhile.
#[derive(Debug, Parser)]
#[command(name = "mountdb", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what the learned index of each table file is made of, beside its standard index
    ///
    /// Exit status 1 if a file cannot be opened, if its learned index is damaged, or if its
    /// properties say otherwise than the index; none at all is no error. "In memory" is what the
    /// open index holds, in bytes; the largest residual is how far a line of the model is off.
    Inspect(Inspect),
}

/// The arguments of `mountdb inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Table files of RocksDB, such as /path/to/db/*.sst, whatever wrote them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Draw the model of each learned index over the keys, as an SVG
    ///
    /// Into the current directory, or the directory PATH, under the name of the table file with
    /// .svg behind it: 000012.sst.svg. For a single FILE, PATH may also be the name of the
    /// drawing, ending in .svg.
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    plot: Option<Option<PathBuf>>,
}

impl Cli {
    /// Does what the command line says, file by file. Figures go to stdout, what is wrong to
    /// stderr too. Returns whether nothing was.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn run(self) -> Result<bool, Error> {
        match self.command {
            Command::Inspect(arguments) => arguments.run(),
        }
    }
}

impl Inspect {
    fn run(self) -> Result<bool, Error> {
        let drawings = self.drawings()?;
        let mut total = report::Total::default();
        let mut all_is_well = true;
        for (i, path) in self.files.iter().enumerate() {
            let file = match Inspected::of(path) {
                Ok(file) => file,
                Err(e) => {
                    eprintln!("error: {e}");
                    total.miss();
                    all_is_well = false;
                    continue;
                }
            };
            total.add(&file);
            print(&report::file(&file))?;
            for complaint in file.complaints() {
                eprintln!("error: {}: {complaint}", path.display());
                all_is_well = false;
            }
            match drawings.get(i).map(|drawing| draw(&file, drawing)) {
                Some(Ok(done)) => print(&done)?,
                Some(Err(e)) => {
                    eprintln!("error: {e}");
                    all_is_well = false;
                }
                None => {}
            }
            print("\n")?;
        }
        if self.files.len() > 1 {
            print(&total.line())?;
        }
        Ok(all_is_well)
    }

    /// Where the drawing of each file goes; none without `--plot`.
    fn drawings(&self) -> Result<Vec<PathBuf>, Error> {
        let Some(place) = &self.plot else {
            return Ok(Vec::new());
        };
        let is_drawing = |path: &Path| path.extension() == Some(OsStr::new("svg"));
        let place = place.as_deref().unwrap_or(Path::new(""));
        if let Some(file) = self.files.iter().find(|file| is_drawing(file)) {
            return Err(Error::Usage(format!(
                "{0} is taken for a table file; to name the drawing, write --plot={0}",
                file.display()
            )));
        }
        if is_drawing(place) {
            return match self.files.len() {
                1 => Ok(vec![place.to_owned()]),
                _ => Err(Error::Usage(format!(
                    "--plot={}: is one name for several drawings; give a directory",
                    place.display()
                ))),
            };
        }
        if place != Path::new("") && !place.is_dir() {
            return Err(Error::Usage(format!(
                "--plot={}: is no directory and does not end in .svg; make the directory first",
                place.display()
            )));
        }
        let mut names = HashSet::new();
        let drawing = |file: &PathBuf| {
            let mut name = file.file_name().map_or_else(OsString::new, OsStr::to_owned);
            name.push(".svg");
            let drawing = place.join(name);
            match names.insert(drawing.clone()) {
                true => Ok(drawing),
                false => Err(Error::Usage(format!(
                    "{} would be the drawing of two files; inspect them one by one",
                    drawing.display()
                ))),
            }
        };
        self.files.iter().map(drawing).collect()
    }
}

/// Draws the learned index of a file, if it has a sound one; what to say of that.
fn draw(file: &Inspected, drawing: &Path) -> Result<String, Error> {
    let Finding::Learned { index, .. } = &file.finding else {
        return Ok("not drawn: no learned index\n".to_owned());
    };
    let what = || format!("writing {}", drawing.display());
    if !may_be_overwritten(drawing).context(what)? {
        return Err(Error::Run(format!(
            "{} is there and no drawing: remove it, or give another name with --plot=PATH",
            drawing.display()
        )));
    }
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    fs::write(drawing, plot::svg(&name, index)).context(what)?;
    Ok(format!("drawn in {}\n", drawing.display()))
}

/// Whether nothing is there, or what looks like a drawing of ours: a slip of the hand must not
/// cost a table file.
fn may_be_overwritten(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(4).read_to_end(&mut head)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
    };
    Ok(head.is_empty() || head == b"<svg")
}

/// Unlike `print!`, this does not panic where nobody reads on.
fn print(text: &str) -> Result<(), Error> {
    io::stdout()
        .write_all(text.as_bytes())
        .context(|| "writing to the standard output".to_owned())
}
