//! `$apr1$`, the MD5 of Apache's htpasswd: a thousand rounds over password and salt.

use md5::{Digest, Md5};

/// What a hash begins with.
pub(super) const PREFIX: &str = "$apr1$";

/// The longest salt that counts.
const LONGEST_SALT: usize = 8;

const ROUNDS: usize = 1000;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The order in which the bytes of the digest are written, three by three.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

/// The byte that is written last and alone.
const LAST: usize = 11;

/// The whole hash of a password, as it stands in a line.
pub(super) fn hash(password: &[u8], salt: &str) -> String {
    let end = salt.len().min(LONGEST_SALT);
    let salt = salt.get(..end).unwrap_or_default();
    let digest = digest(password, salt.as_bytes());
    format!("{PREFIX}{salt}${}", encode(&digest))
}

fn digest(password: &[u8], salt: &[u8]) -> [u8; 16] {
    let mixed: [u8; 16] = md5(&[password, salt, password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(PREFIX);
    first.update(salt);
    for chunk in password.chunks(mixed.len()) {
        first.update(&mixed[..chunk.len()]);
    }
    let mut length = password.len();
    while length > 0 {
        match (length & 1, password.first()) {
            (0, Some(byte)) => first.update([*byte]),
            _ => first.update([0]),
        }
        length >>= 1;
    }
    let mut digest: [u8; 16] = first.finalize().into();
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let (begin, end): (&[u8], &[u8]) = if odd {
            (password, &digest)
        } else {
            (&digest, password)
        };
        let salt = if round % 3 == 0 { &[] } else { salt };
        let again = if round % 7 == 0 { &[] } else { password };
        digest = md5(&[begin, salt, again, end]);
    }
    digest
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

fn encode(digest: &[u8; 16]) -> String {
    let mut text = String::with_capacity(22);
    let mut push = |mut bits: usize, characters: usize| {
        for _ in 0..characters {
            text.push(char::from(ALPHABET[bits % 64]));
            bits /= 64;
        }
    };
    for [high, middle, low] in ORDER {
        let bits = (usize::from(digest[high]) << 16)
            | (usize::from(digest[middle]) << 8)
            | usize::from(digest[low]);
        push(bits, 4);
    }
    push(usize::from(digest[LAST]), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl passwd -apr1 -salt SALT PASSWORD` prints them.
    #[test]
    fn hashes_are_those_of_openssl() {
        for (password, salt, expected) in APR1 {
            assert_eq!(hash(password.as_bytes(), salt), *expected, "{password}");
        }
    }

    const APR1: &[(&str, &str, &str)] = &[
        (
            "4lt0@1234",
            "abcdefgh",
            "$apr1$abcdefgh$RCEvH.S0TN/Xg6tHWJAui.",
        ),
        ("é:p:w", "x", "$apr1$x$iNXaJdBmptJxecp4M6NcM0"),
        ("a", "12345678", "$apr1$12345678$68ZQVfPkWX/wcXr/41VxQ."),
        (
            "averyveryverylongpasswordthatislongerthan16bytes",
            "./AZaz09",
            "$apr1$./AZaz09$t0i3kb7hgRqKkNFaHQGd01",
        ),
        (
            "0123456789abcdef",
            "salt",
            "$apr1$salt$CpZlDoa2rEnrKkHpXoKwT1",
        ),
    ];
}
