"""The faithful fakes that tests of fontmill, and of programs built on it, stand on."""
