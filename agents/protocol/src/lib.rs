//! Messages, framing, versions, QUIC endpoints and identities of engine and agents.
