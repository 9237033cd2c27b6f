//! Settings that a library reads from the environment before `main` begins: the program starts itself once more.

use std::env;
use std::process::{Command, ExitCode};

use crate::error::Error;
use crate::interrupt::Interrupt;

/// Runs this program again, with the same arguments and this environment variable, and returns what it ended with. `None`
/// where the variable is set already: then this process is the one to go on.
///
/// # Errors
/// The program cannot be started, or there is a handler of Ctrl-C already.
pub fn with_variable(variable: &'static str, value: &str) -> Result<Option<ExitCode>, Error> {
    if env::var_os(variable).is_some() {
        return Ok(None);
    }
    // A terminal sends Ctrl-C to both; the first one ends the other process, which reports, and not this one.
    let _waiting = Interrupt::install()?;
    let failed = |source| Error::Restart { variable, source };
    let program = env::current_exe().map_err(failed)?;
    let status = Command::new(program).args(env::args_os().skip(1)).env(variable, value).status().map_err(failed)?;
    // Without a code it was ended by a signal.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Some(code.map_or(ExitCode::FAILURE, ExitCode::from)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_variable_that_is_set_is_left_alone() {
        // Cargo sets it for every test.
        let code = super::with_variable("CARGO_MANIFEST_DIR", "elsewhere").expect("nothing was started");
        assert!(code.is_none());
    }
}
