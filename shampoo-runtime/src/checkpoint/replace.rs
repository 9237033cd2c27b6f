//! A file that is either the old or the new one, whatever happens while it is written.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Lets `write` write a file in a folder beside `path`, forces it to the disk, and puts it in the place of `path`, or of the
/// file that `path` is a link to. It is as accessible as the file before it, or as any new file.
///
/// The folder's name is always the same, `.name.partial`: a process that is killed while it writes leaves at most that one,
/// which the next write clears. Who writes the same file at the same time, in this process or another, waits for its turn.
///
/// **Errors**: those of `write` and of the system; the old file is untouched then, unless only the folder of `path` could not
/// be forced to the disk.
pub(super) fn replace<E: From<io::Error>>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
    // A link stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
    let beside = beside(path, name);
    let lock = lock(&beside)?;
    let file = beside.join(name);
    let written = write(&file).and_then(|()| {
        let like = fs::metadata(path).or_else(|_| lock.metadata())?;
        fs::set_permissions(&file, like.permissions())?;
        File::options().write(true).open(&file)?.sync_all()?;
        fs::rename(&file, path)?;
        Ok(())
    });
    // What is left over here does no harm: the next write clears it.
    let _ = fs::remove_dir_all(&beside);
    written?;
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

/// Makes this folder and a file in it that is locked until it is dropped, be it by the end of the process.
fn lock(folder: &Path) -> io::Result<File> {
    let path = folder.join("lock");
    loop {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let file = match File::create(&path) {
            // Whoever had the folder has just removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            created => created?,
        };
        file.lock()?;
        // The one waited for has removed the folder, and this file with it.
        if is_same(&file, &path) {
            return Ok(file);
        }
    }
}

/// Whether this is still the file of this name.
#[cfg(unix)]
fn is_same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let ids = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(ids).ok() == fs::metadata(path).map(ids).ok()
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
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
    fn writers_of_one_file_take_turns() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        std::thread::scope(|scope| {
            for writer in 0..4_u8 {
                let path = &path;
                scope.spawn(move || {
                    for _ in 0..20 {
                        replace::<io::Error>(path, |beside| fs::write(beside, [writer; 1000])).expect("a write");
                        let read = fs::read(path).expect("a file");
                        assert!(read.len() == 1000 && read.iter().all(|byte| *byte == read[0]));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "no stray file");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("state"), folder.path().join("link"));
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        replace::<io::Error>(&path, |beside| fs::write(beside, b"old")).expect("a write");
        File::create(folder.path().join("any")).expect("a file");
        assert_eq!(mode(&path), mode(&folder.path().join("any")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a file of our own");
        symlink(&path, &link).expect("a link");
        replace::<io::Error>(&link, |beside| fs::write(beside, b"new")).expect("a write");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!((fs::read(&path).expect("a file"), mode(&path)), (b"new".to_vec(), 0o640));
    }

    #[test]
    fn a_path_without_a_name_is_an_error() {
        assert!(replace::<io::Error>(Path::new("/"), |_| Ok(())).is_err());
    }
}
