//! What goes beside the program in an archive: completions for the shells, and a manual page for each command.

use clap::CommandFactory;
use clap_complete::Shell;
use std::fs;
use std::path::Path;

/// The program's own words, read from its source: a library that holds them would have no other user.
#[path = "../../tallysheet/src/arguments.rs"]
#[allow(dead_code, reason = "only the words are needed")]
mod arguments;

const SHELLS: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell];

/// Writes `completions/` and `man/` below a folder.
pub(crate) fn write(folder: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let (completions, man) = (folder.join("completions"), folder.join("man"));
    fs::create_dir_all(&completions).map_err(failed)?;
    fs::create_dir_all(&man).map_err(failed)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut arguments::Cli::command(), "tallysheet", &completions)
            .map_err(failed)?;
    }
    clap_mangen::generate_to(arguments::Cli::command(), &man).map_err(failed)?;
    Ok(format!("{}: completions for {} shells, and manual pages", folder.display(), SHELLS.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_completed_and_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let commands: Vec<String> =
            arguments::Cli::command().get_subcommands().map(|one| one.get_name().to_owned()).collect();
        assert!(commands.len() > 12, "{commands:?}");
        for shell in ["tallysheet.bash", "_tallysheet", "tallysheet.fish", "_tallysheet.ps1"] {
            let text = read(&format!("completions/{shell}"));
            for word in commands.iter().map(String::as_str).chain(["if-due", "no-deliver"]) {
                assert!(text.contains(word), "{word} is not in {shell}");
            }
        }
        assert!(read("man/tallysheet.1").contains("Exit status"));
        for command in commands {
            assert!(read(&format!("man/tallysheet-{command}.1")).starts_with(".ie"), "{command}");
        }
    }
}
