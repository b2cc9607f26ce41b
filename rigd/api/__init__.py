"""The control socket: who may come in, what may be asked, what is answered; and the client's end of it."""
