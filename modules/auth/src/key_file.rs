//! Files with secrets: made once, readable by their owner alone.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use crate::error::OpenError;

/// The text of a file, which is made first when it is missing. Of two processes that start at once
/// one wins, and both read a whole file.
pub(crate) fn read_or_make(
    file: &Path,
    text: impl FnOnce() -> Zeroizing<String>,
) -> Result<Zeroizing<String>, OpenError> {
    let unreadable = |source| OpenError::KeyFile { file: file.to_owned(), source };
    if !file.try_exists().map_err(unreadable)? {
        make(file, &text()).map_err(unreadable)?;
    }
    read(file).map_err(unreadable)
}

/// The text of a file. Others who can read it are worth a warning.
pub(crate) fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    if fs::metadata(file)?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "others can read the key file; chmod 600 it");
    }
    fs::read_to_string(file).map(Zeroizing::new)
}

/// Writes a new file beside and links it into place; one that is there already is left as it is.
pub(crate) fn make(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}", platform::random::token()));
    let beside = Path::new(&beside);
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
    let linked = written.and_then(|()| fs::hard_link(beside, file));
    fs::remove_file(beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_once_and_only_its_owner_reads_it() {
        let file = platform::testing::folder().join("a.key");
        let texts: Vec<String> = std::thread::scope(|scope| {
            let open = || {
                let new = || Zeroizing::new(platform::random::token());
                read_or_make(&file, new).unwrap().to_string()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(texts.iter().all(|text| *text == texts[0]));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        let nowhere = read_or_make(Path::new("/nowhere/a.key"), || Zeroizing::new(String::new()));
        assert!(matches!(nowhere, Err(OpenError::KeyFile { .. })));
    }
}
