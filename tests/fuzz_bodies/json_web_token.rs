//! Tokens: no panic; what is signed verifies, and nothing that was changed does.

use fantail::protocol::json_web_token::{check_times, sign, verify};

const SECRET: &[u8] = b"secret";

/// The bytes are a token, and once more the claims of one.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(claims) = verify(&text, SECRET) {
        let _ = check_times(&claims, 1e9);
    }
    let Ok(serde_json::Value::Object(claims)) = serde_json::from_slice(data) else {
        return;
    };
    let Ok(token) = sign(&claims, SECRET) else {
        return;
    };
    let verified = verify(&token, SECRET).expect("what was signed");
    // A number of many digits does not come back as it was written.
    let written = serde_json::Value::Object(claims).to_string();
    let read: serde_json::Map<_, _> = serde_json::from_str(&written).expect("what was written");
    for (name, value) in &read {
        assert_eq!(verified.get(name), Some(value));
    }
    let _ = check_times(&verified, 1e9);
    assert!(verify(&token, b"another").is_err());
    // The last character has bits that no byte needs and that are not looked at.
    let place = data.iter().map(|byte| usize::from(*byte)).sum::<usize>() % (token.len() - 1);
    let mut changed = token.clone().into_bytes();
    changed[place] ^= 1;
    if let Ok(changed) = String::from_utf8(changed) {
        assert!(verify(&changed, SECRET).is_err(), "{token} {changed}");
    }
}
