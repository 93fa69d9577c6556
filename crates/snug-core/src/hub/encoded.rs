//! Frames as they are written: each event is encoded once, header and payload, and every recipient's queue shares the buffer.

use bytes::{BufMut, Bytes, BytesMut};

/// The longest header of an unmasked frame: two bytes, and eight of length.
const HEADER_BYTES_MAX: usize = 10;
/// The first byte of a whole text message in one frame: FIN, opcode 1.
const TEXT: u8 = 0x81;

/// Whole frames, one after the other in one shared buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The frames, as they can be written to any number of sockets.
    pub bytes: Bytes,
    /// How many there are.
    pub frames: u32,
}

impl Encoded {
    /// One frame that is whole already, header and all.
    pub fn whole(frame: Bytes) -> Self {
        Self { bytes: frame, frames: 1 }
    }
}

/// A text frame with this payload.
pub fn frame(payload: &[u8]) -> Encoded {
    let mut encoder = Encoder::default();
    encoder.put(payload);
    encoder.finish()
}

/// Puts text frames together, one after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: BytesMut,
    frames: u32,
}

impl Encoder {
    /// Adds a text frame with this payload, unmasked (RFC 6455, section 5.2).
    pub fn put(&mut self, payload: &[u8]) {
        self.bytes.reserve(HEADER_BYTES_MAX + payload.len());
        self.bytes.put_u8(TEXT);
        match payload.len() {
            short @ 0..=125 => self.bytes.put_u8(short as u8),
            medium @ 126..=0xFFFF => {
                self.bytes.put_u8(126);
                self.bytes.put_u16(medium as u16);
            }
            long => {
                self.bytes.put_u8(127);
                self.bytes.put_u64(long as u64);
            }
        }
        self.bytes.put_slice(payload);
        self.frames += 1;
    }

    /// The frames.
    pub fn finish(self) -> Encoded {
        Encoded { bytes: self.bytes.freeze(), frames: self.frames }
    }
}
