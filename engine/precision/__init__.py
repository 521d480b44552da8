"""Which device computes, in which types, and what keeps small types from losing what counts."""
