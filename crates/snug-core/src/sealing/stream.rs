//! A stream of any size, encrypted in chunks: what is cut, changed or put in another order is noticed at that chunk.
//!
//! It is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance, CRYPTO 2015, <https://eprint.iacr.org/2015/189>), over AES-256-GCM. Each chunk has the number of its place for
//! a nonce, and a mark that the last one alone has; the header of the file is authenticated with each. A key is drawn for one file and
//! never used again, so no nonce comes twice: the writer counts, and nothing takes a nonce from outside.

use std::io::{self, Read, Write};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
};
use snug_model::secret::Secret32;

use super::xaes::TAG_BYTES;

/// Bytes of plaintext in a chunk; the last one has fewer, or as many.
const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of a nonce: eleven that count, and the mark of the last chunk.
const NONCE_BYTES: usize = 12;

/// The key of one file, and what is authenticated with each of its chunks.
struct Chunks {
    key: LessSafeKey,
    header: Box<[u8]>,
    /// The chunks so far.
    count: u64,
}

impl Chunks {
    fn new(key: &Secret32, header: &[u8]) -> Result<Self, Unspecified> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key.0)?);
        Ok(Self { key, header: header.into(), count: 0 })
    }

    /// The nonce of the next chunk.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_BYTES];
        nonce[3..11].copy_from_slice(&self.count.to_be_bytes());
        nonce[11] = last.into();
        self.count += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Encrypts what is written. Without [`ChunkWriter::finish`] the file is none that anybody takes for whole.
pub struct ChunkWriter<W> {
    chunks: Chunks,
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(key: &Secret32, header: &[u8], out: W) -> Result<Self, Unspecified> {
        let buffer = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Ok(Self { chunks: Chunks::new(key, header)?, out, buffer })
    }

    /// Writes the last chunk; what it was written to.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.chunks.nonce(last);
        let header = Aad::from(&*self.chunks.header);
        self.chunks
            .key
            .seal_in_place_append_tag(nonce, header, &mut self.buffer)
            .map_err(|_| io::Error::other("a chunk cannot be encrypted"))?;
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A chunk that is full waits until it is known whether it is the last.
        if self.buffer.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// What is in a chunk that is not full stays there: only the end says how long it is.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts what is read. What it has read is good up to there; that nothing is missing is known at the end alone.
pub struct ChunkReader<R> {
    chunks: Chunks,
    input: R,
    /// The chunk after the one that is being read, as it lies in the file.
    next: Vec<u8>,
    plain: Vec<u8>,
    read: usize,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    pub(super) fn new(key: &Secret32, header: &[u8], input: R) -> io::Result<Self> {
        let chunks = Chunks::new(key, header).map_err(|_| io::Error::other("the key cannot be used"))?;
        let (plain, read, ended) = (Vec::new(), 0, false);
        let mut reader = Self { chunks, input, next: Vec::new(), plain, read, ended };
        reader.next = reader.next_chunk()?;
        Ok(reader)
    }

    /// The next chunk of the file; without a byte at its end.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        (&mut self.input).take((CHUNK_BYTES + TAG_BYTES) as u64).read_to_end(&mut chunk)?;
        Ok(chunk)
    }

    /// Opens the next chunk.
    fn open(&mut self) -> io::Result<()> {
        let after = self.next_chunk()?;
        let mut chunk = std::mem::replace(&mut self.next, after);
        self.ended = self.next.is_empty();
        let nonce = self.chunks.nonce(self.ended);
        let header = Aad::from(&*self.chunks.header);
        let bytes = match self.chunks.key.open_in_place(nonce, header, &mut chunk) {
            Ok(plain) => plain.len(),
            Err(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it was cut, changed, or put in another order",
                ));
            }
        };
        chunk.truncate(bytes);
        (self.plain, self.read) = (chunk, 0);
        Ok(())
    }
}

impl<R: Read> Read for ChunkReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.plain.len() {
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.open()?;
        }
        let bytes = into.len().min(self.plain.len() - self.read);
        into[..bytes].copy_from_slice(&self.plain[self.read..self.read + bytes]);
        self.read += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Secret32 = Secret32([7; 32]);

    fn sealed(plain: &[u8], pieces: usize) -> Vec<u8> {
        let mut writer = ChunkWriter::new(&KEY, b"header", Vec::new()).unwrap();
        plain.chunks(pieces).for_each(|piece| writer.write_all(piece).unwrap());
        writer.finish().unwrap()
    }

    fn opened(sealed: &[u8], header: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        ChunkReader::new(&KEY, header, sealed)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn streams_of_every_length_come_back() {
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let plain: Vec<u8> = (0..bytes).map(|n| (n * 31 % 251) as u8).collect();
            for pieces in [1_000, CHUNK_BYTES, 1 << 20] {
                let sealed = sealed(&plain, pieces);
                let chunks = bytes.div_ceil(CHUNK_BYTES).max(1);
                assert_eq!(sealed.len(), bytes + chunks * TAG_BYTES);
                assert!(opened(&sealed, b"header").unwrap() == plain, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn what_was_cut_changed_or_moved_is_refused() {
        let whole = sealed(&vec![9; 3 * CHUNK_BYTES], 4_096);
        let chunk = CHUNK_BYTES + TAG_BYTES;
        assert!(opened(&whole, b"header").is_ok());
        assert!(opened(&whole, b"another").is_err());
        for cut in [0, 1, TAG_BYTES, chunk - 1, chunk, 2 * chunk, whole.len() - 1] {
            assert!(opened(&whole[..cut], b"header").is_err(), "cut to {cut}");
        }
        for changed in [0, chunk - 1, chunk, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[changed] ^= 1;
            assert!(opened(&bytes, b"header").is_err(), "changed at {changed}");
        }
        let reordered = [&whole[chunk..2 * chunk], &whole[..chunk], &whole[2 * chunk..]].concat();
        assert!(opened(&reordered, b"header").is_err(), "two changed places");
        let repeated = [&whole[..chunk], &whole[..chunk], &whole[chunk..]].concat();
        assert!(opened(&repeated, b"header").is_err(), "one is there twice");
        let longer = [&whole[..], &whole[2 * chunk..]].concat();
        assert!(opened(&longer, b"header").is_err(), "something behind the end");
    }
}
