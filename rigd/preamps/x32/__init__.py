"""Behringer X32 and Midas M32, Behringer X Air and Midas MR: kinds "x32" and "xair"."""
