mod cases;
mod laws;
mod plants;
mod random;
mod simulation;
mod sizes;
mod world;
