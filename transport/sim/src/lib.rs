//! A deterministic world to run machines in: network, disks, clocks, crashes, all from one seed.
