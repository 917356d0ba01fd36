//! What always holds between two turns, checked by simulations.

use crate::relay::Relay;
use crate::relay::peer::Stage;

impl Relay {
    /// Checks the invariants of the relay and its parts.
    ///
    /// # Errors
    /// The first statement that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.outboxes.check_invariants()?;
        self.hub.check_invariants(|id| {
            self.peers
                .get(id)
                .is_some_and(|peer| matches!(peer.stage, Stage::Open(_)))
        })?;
        let mut buffered: usize = self.held.values().map(|held| held.len()).sum();
        let mut surplus = 0;
        for id in self.peers.ids() {
            let Some(peer) = self.peers.get(id) else {
                return Err(format!("{id} is listed but not found"));
            };
            if self.outboxes.get(id).is_none() {
                return Err(format!("{id} has no outbox"));
            }
            if matches!(peer.stage, Stage::Dead) {
                return Err(format!("{id} is dead but not buried"));
            }
            buffered += peer.stage.buffered();
            surplus += usize::from(peer.surplus);
        }
        if buffered != self.buffered {
            return Err(format!(
                "{buffered} bytes are buffered, {} counted",
                self.buffered
            ));
        }
        if surplus != self.surplus {
            return Err(format!(
                "{surplus} connections are surplus, {} counted",
                self.surplus
            ));
        }
        if let Some(id) = self.held.keys().find(|id| !self.peers.contains(**id)) {
            return Err(format!("input is held for {id}, which is dead"));
        }
        Ok(())
    }
}
