//! A file that is either the old or the new one, whatever happens while it is written.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Lets `write` write a file in a folder beside `path`, forces it to the disk, and puts it in the place of `path`.
///
/// The folder's name is always the same: a process that is killed while it writes leaves at most that one, which the next
/// write clears.
///
/// **Errors**: those of `write` and of the system; the old file is untouched then, and the folder is gone.
pub(super) fn replace<E: From<io::Error>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    let name = path.file_name().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let beside = beside(path, name);
    clear(&beside)?;
    fs::create_dir(&beside)?;
    let file = beside.join(name);
    let written = write(&file).and_then(|()| {
        File::options().write(true).open(&file)?.sync_all()?;
        fs::rename(&file, path)?;
        Ok(())
    });
    // Whatever was wrong before is what the caller wants to hear of.
    let cleared = clear(&beside);
    written?;
    cleared?;
    sync_folder(path)?;
    Ok(())
}

/// `folder/.name.partial` of `folder/name`.
fn beside(path: &Path, name: &OsStr) -> PathBuf {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".partial");
    path.with_file_name(hidden)
}

/// Removes a folder with all that is in it, if it is there.
fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The new name is on the disk only once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened; the system orders renames itself.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CASES A45: a writer that fails after half of the bytes.
    #[test]
    fn a45_a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        replace::<io::Error>(&path, |beside| fs::write(beside, b"old")).expect("a write");
        let failed = replace::<io::Error>(&path, |beside| {
            fs::write(beside, b"ne")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.expect_err("a failure").kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).expect("a file"), b"old");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "no stray file");
        replace::<io::Error>(&path, |beside| fs::write(beside, b"new")).expect("a write");
        assert_eq!(fs::read(&path).expect("a file"), b"new");
    }

    #[test]
    fn a_path_without_a_name_is_an_error() {
        assert!(replace::<io::Error>(Path::new("/"), |_| Ok(())).is_err());
    }
}
