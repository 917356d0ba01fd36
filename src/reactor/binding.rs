//! What a listener is bound to, and who may connect.

use crate::config::Address;

/// Who may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody who can reach the address.
    Clients,
    /// Programs that control the server: on a Unix socket only those of the server's own user
    /// and of root.
    Operators,
}

/// A listener to be bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Where.
    pub address: Address,
    /// The permission bits of a Unix socket.
    pub mode: u32,
    /// Who may connect.
    pub access: Access,
    /// The server starts also without it.
    pub optional: bool,
}
