//! Choose a consistency level, keep session guarantees, and check what clients saw.
