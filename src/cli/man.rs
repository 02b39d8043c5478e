//! `man`: manual pages, from the same definitions as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;

use super::exit::{CommandFailure, Exit};
use super::terminal::output::Output;

/// The arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Directory for the pages, such as /usr/local/share/man/man1; without it, the first page is printed
    #[arg(value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
}

/// Writes the pages of `program` and prints their paths, or prints the first page. The format is roff.
///
/// # Errors
/// The directory cannot be written to.
pub fn run(arguments: &ManArgs, program: Command, output: &Output) -> Result<Exit, CommandFailure> {
    let pages = pages(program);
    let Some(directory) = &arguments.directory else {
        output.raw(&pages.first().map(Page::text).unwrap_or_default());
        return Ok(Exit::Done);
    };
    fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))?;
    for page in pages {
        let path = directory.join(&page.file);
        fs::write(&path, page.text()).map_err(|error| unwritten(&path, &error))?;
        output.result(path.display());
    }
    Ok(Exit::Done)
}

/// A manual page.
struct Page {
    file: String,
    man: Man,
}

impl Page {
    fn of(command: &Command) -> Self {
        let man = Man::new(command.clone()).source(concat!("genesys-rotator ", env!("CARGO_PKG_VERSION")));
        let man = man.manual("User Commands");
        Self { file: man.get_filename(), man }
    }

    fn text(&self) -> String {
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        self.man.render(&mut text).ok();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The page of the program, then one for each command.
fn pages(program: Command) -> Vec<Page> {
    let program = program.disable_help_subcommand(true);
    let notes = program.get_after_help().map(|notes| notes.to_string().replace('\n', "\n\n"));
    // roff renders a single line break as a space.
    let mut program = program.after_help(notes.unwrap_or_default());
    // `build` adds the global options and the full names to the commands.
    program.build();
    std::iter::once(&program).chain(program.get_subcommands()).map(Page::of).collect()
}

fn unwritten(path: &Path, error: &io::Error) -> CommandFailure {
    CommandFailure {
        exit: Exit::Failed,
        message: format!("cannot write {}: {error}", path.display()),
        hint: "choose a directory that this user may write to".to_owned(),
    }
}
