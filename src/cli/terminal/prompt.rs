//! Answers that a person types on a terminal.

use std::io::{self, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::secret::SecretString;

/// The maximum length of an answer in bytes.
const LONGEST: usize = 4096;

/// Asks for a line; `None` at the end of the input.
pub(in crate::cli) fn line(question: &str) -> io::Result<Option<String>> {
    tell(question)?;
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

/// Asks for a secret, which the terminal does not show; `None` at the end of the input, and after Ctrl-C.
pub(in crate::cli) fn secret(question: &str) -> io::Result<Option<SecretString>> {
    // A fast answer must not be shown either.
    let silence = Silence::begin()?;
    tell(question)?;
    let typed = read_typed(&mut io::stdin().lock());
    drop(silence);
    io::stderr().write_all(b"\n")?;
    Ok(typed?.map(|typed| SecretString::from(String::from_utf8_lossy(typed.trim_ascii()).as_ref())))
}

/// Writes a text to the terminal.
pub(in crate::cli) fn tell(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

/// Reads what is typed up to the end of a line, and edits it as a terminal does: it is not read by lines, because Ctrl-C
/// would then end the process and leave the terminal silent.
fn read_typed(input: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8]);
    loop {
        let is_end = input.read(byte.as_mut_slice())? == 0;
        match byte[0] {
            _ if is_end => return Ok((!typed.is_empty()).then_some(typed)),
            b'\r' | b'\n' => return Ok(Some(typed)),
            // Ctrl-C, and Ctrl-D.
            3 | 4 => return Ok(None),
            // Backspace, and Ctrl-U.
            8 | 0x7f => drop(typed.pop()),
            0x15 => typed.clear(),
            other if typed.len() < LONGEST => typed.push(other),
            _ => return Err(io::Error::other("the answer is too long")),
        }
    }
}

/// A terminal that shows nothing that is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_secret_is_edited_and_cancelled_as_on_a_terminal() {
        for (keys, expected) in [
            (&b"secret\n"[..], Some(&b"secret"[..])),
            (b"secrex\x7ft\r", Some(b"secret")),
            (b"wrong\x15secret\n", Some(b"secret")),
            (b"\x7f\n", Some(b"")),
            (b"secret", Some(b"secret")),
            (b"sec\x03", None),
            (b"\x04", None),
            (b"", None),
        ] {
            let read = read_typed(&mut &*keys).expect("memory is readable");
            assert_eq!(read.as_ref().map(|typed| typed.as_slice()), expected, "{keys:?}");
        }
        assert!(read_typed(&mut [b'a'; LONGEST + 1].as_slice()).is_err());
    }
}
