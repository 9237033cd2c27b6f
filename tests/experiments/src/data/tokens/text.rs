//! A text file as tokens: words and single other characters, by their frequency.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::Corpus;
use crate::data::DataError;

/// Reads a file, plain or compressed by gzip; token 0 stands for all that are not among the most frequent.
///
/// # Errors
/// The file cannot be read, or holds fewer tokens than `least`.
pub fn read(file: &Path, vocabulary: usize, least: usize) -> Result<Corpus, DataError> {
    let failed = |source| DataError::Io { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    BufReader::new(File::open(file).map_err(failed)?).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).map_err(failed)?;
        bytes = plain;
    }
    let tokens = tokens(&String::from_utf8_lossy(&bytes), vocabulary);
    if tokens.len() < least {
        return Err(DataError::Short { file: file.to_owned(), expected: least, found: tokens.len() });
    }
    Ok(Corpus { name: "text", tokens })
}

fn tokens(text: &str, vocabulary: usize) -> Vec<u32> {
    let words = words(text);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in &words {
        *counts.entry(word).or_default() += 1;
    }
    let mut ranked: Vec<(&str, usize)> = counts.into_iter().collect();
    // Of equal frequency, in the order of the alphabet: the same numbers every time.
    ranked.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let known = ranked.iter().take(vocabulary.saturating_sub(1));
    let numbers: HashMap<&str, u32> = known.zip(1..).map(|(&(word, _), number)| (word, number)).collect();
    words.iter().map(|word| numbers.get(word).copied().unwrap_or(0)).collect()
}

/// Letters and digits stay together, one space before them with them; all else is single.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let start = first.len_utf8();
        let inner = if first.is_alphanumeric() { 0 } else { start };
        let word = rest[inner..].find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len() - inner);
        let length = if inner == 0 || first == ' ' { inner + word } else { start };
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{read, tokens, words};
    use crate::data::DataError;

    #[test]
    fn words_keep_their_space() {
        assert_eq!(words("To be, or  not é!\n"), ["To", " be", ",", " or", " ", " not", " é", "!", "\n"]);
        assert_eq!(words(""), [""; 0]);
    }

    #[test]
    fn the_frequent_have_numbers() {
        assert_eq!(tokens("a b b, c b", 3), [0, 1, 1, 0, 2, 1]);
    }

    #[test]
    fn plain_and_compressed_are_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, packed) = (folder.path().join("a.txt"), folder.path().join("a.txt.gz"));
        std::fs::write(&plain, "one two one").expect("written");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"one two one").expect("in memory");
        std::fs::write(&packed, encoder.finish().expect("in memory")).expect("written");
        let plain_tokens = read(&plain, 10, 3).expect("read").tokens;
        assert_eq!(plain_tokens, read(&packed, 10, 3).expect("read").tokens);
        assert!(matches!(read(&plain, 10, 4), Err(DataError::Short { expected: 4, found: 3, .. })));
        assert!(matches!(read(&folder.path().join("b"), 10, 0), Err(DataError::Io { .. })));
    }
}
