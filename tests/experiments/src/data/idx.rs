//! IDX files of images, the format of MNIST and its relatives, plain or compressed by gzip.
//!
//! Four big-endian words (0x00000803, images, rows, columns), then one byte for each pixel.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::GzDecoder;

use super::{DataError, Images};

const MAGIC: u32 = 0x0803;
const HEADER: u64 = 16;

/// Reads the images of `file`, or of `file.gz` if only that is there.
///
/// # Errors
/// The file is missing, unreadable, truncated, longer than it says, not an IDX file of images, or
/// its images are not of 28 x 28.
pub fn read_images(file: &Path) -> Result<Images, DataError> {
    let mut compressed = file.as_os_str().to_owned();
    compressed.push(".gz");
    for candidate in [file.to_owned(), PathBuf::from(compressed)] {
        match File::open(&candidate) {
            Ok(opened) => {
                return decode(BufReader::new(opened), &candidate);
            }
            Err(source) if source.kind() == ErrorKind::NotFound => {}
            Err(source) => {
                return Err(DataError::Io { file: candidate, source });
            }
        }
    }
    Err(DataError::Missing { file: file.to_owned() })
}

/// Decodes what `reader` gives; the content and not the name tells whether it is compressed.
fn decode(mut reader: impl BufRead, file: &Path) -> Result<Images, DataError> {
    let start = reader.fill_buf().map_err(|source| DataError::Io { file: file.to_owned(), source })?;
    if start.starts_with(&[0x1f, 0x8b]) {
        decode_plain(GzDecoder::new(reader), file)
    } else {
        decode_plain(reader, file)
    }
}

fn decode_plain(mut reader: impl Read, file: &Path) -> Result<Images, DataError> {
    let header = read_up_to(&mut reader, HEADER, file)?;
    let (words, _) = header.as_chunks::<4>();
    let word = |i: usize| words.get(i).map(|&bytes| u32::from_be_bytes(bytes));
    // A short file of another kind is told so, not that it is short.
    if let Some(found) = word(0).filter(|&found| found != MAGIC) {
        return Err(DataError::Magic { file: file.to_owned(), expected: MAGIC, found });
    }
    let (Some(count), Some(nrows), Some(ncols)) = (word(1), word(2), word(3)) else {
        return Err(DataError::Truncated { file: file.to_owned(), expected: HEADER, found: header.len() as u64 });
    };
    if (nrows, ncols) != (28, 28) || count == 0 {
        return Err(DataError::Shape { file: file.to_owned(), count, nrows, ncols });
    }

    let expected = u64::from(count) * u64::from(nrows) * u64::from(ncols);
    let bytes = read_up_to(&mut reader, expected + 1, file)?;
    let found = bytes.len() as u64;
    if found < expected {
        return Err(DataError::Truncated { file: file.to_owned(), expected: HEADER + expected, found: HEADER + found });
    }
    if found > expected {
        return Err(DataError::Trailing { file: file.to_owned(), expected: HEADER + expected });
    }
    Ok(Images::new(bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect()))
}

/// At most `limit` bytes. Space grows with what is there, not with what a header claims.
fn read_up_to(reader: &mut impl Read, limit: u64, file: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        // So ends a compressed file that was cut off; the caller sees how far it got.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(bytes),
        Err(source) => Err(DataError::Io { file: file.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Cursor, Write as _};
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{decode, read_images};
    use crate::data::{DataError, Dataset, PIXELS};

    fn idx(magic: u32, shape: [u32; 3], pixels: usize) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        shape.iter().for_each(|n| bytes.extend(n.to_be_bytes()));
        bytes.extend((0..pixels).map(|i| (i % 256) as u8));
        bytes
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    }

    fn read(bytes: Vec<u8>) -> Result<super::Images, DataError> {
        decode(Cursor::new(bytes), Path::new("some-file"))
    }

    fn error(bytes: Vec<u8>) -> String {
        read(bytes).expect_err("must be refused").to_string()
    }

    #[test]
    fn plain_and_compressed_give_the_same_images() {
        let bytes = idx(0x803, [2, 28, 28], 2 * PIXELS);
        let images = read(bytes.clone()).expect("a good file");
        assert_eq!(images.count(), 2);
        assert_eq!(images.pixels()[255], 1.0);
        assert_eq!(images.pixels()[51], 0.2);
        assert_eq!(images, read(gz(&bytes)).expect("a good file"));
    }

    #[test]
    fn damage_is_named_with_its_figure() {
        let good = idx(0x803, [2, 28, 28], 2 * PIXELS);
        let cases = [
            (good[..1000].to_vec(), "some-file is truncated: 1000 bytes of 1584"),
            (good[..9].to_vec(), "truncated: 9 bytes of 16"),
            (Vec::new(), "truncated: 0 bytes of 16"),
            (idx(0x801, [2, 28, 28], 0), "begins with 0x00000801; an IDX file of images begins with 0x00000803"),
            (idx(0x803, [2, 28, 28], 2 * PIXELS + 1), "goes on after the 1584 bytes"),
            (idx(0x803, [2, 32, 28], 2 * 32 * 28), "holds 2 images of 32 x 28"),
            (idx(0x803, [0, 28, 28], 0), "holds 0 images"),
            // The header claims 3 terabytes: nothing of that size is allocated.
            (idx(0x803, [u32::MAX, 28, 28], 5), "truncated: 21 bytes of 3367254359296"),
        ];
        for (bytes, expected) in cases {
            let error = error(bytes);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_compressed_file_that_was_cut_off_is_truncated() {
        let packed = gz(&idx(0x803, [50, 28, 28], 50 * PIXELS));
        let half = packed[..packed.len() / 2].to_vec();
        assert!(matches!(read(half), Err(DataError::Truncated { expected: 39216, .. })));
    }

    #[test]
    fn files_are_found_with_and_without_ending() {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = idx(0x803, [3, 28, 28], 3 * PIXELS);
        let path = |name: &str| folder.path().join(name);
        fs::write(path("train-images-idx3-ubyte"), &bytes).expect("written");
        let missing = Dataset::mnist(folder.path()).expect_err("no test set").to_string();
        assert!(missing.contains("t10k-images-idx3-ubyte is missing"), "{missing}");
        fs::write(path("t10k-images-idx3-ubyte.gz"), gz(&bytes)).expect("written");
        let data = Dataset::mnist(folder.path()).expect("both sets");
        assert_eq!((data.train.count(), data.test.count()), (3, 3));
        assert!(matches!(read_images(folder.path()), Err(DataError::Io { .. })));
    }
}
