// As much of Arduino as docs/faderbox/faderbox.ino uses, for a computer: pins are arrays that a test sets and
// reads, Serial is the master side of a pty. board.cpp holds them and runs the sketch.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

typedef uint8_t byte;
enum { LOW = 0, HIGH = 1, INPUT = 0, OUTPUT = 1, INPUT_PULLUP = 2 };
const uint8_t A0 = 54, A1 = 55, A2 = 56, A3 = 57;

unsigned long millis();
void pinMode(uint8_t pin, uint8_t mode);
int digitalRead(uint8_t pin);
void digitalWrite(uint8_t pin, uint8_t level);
int analogRead(uint8_t pin);
void setup();
void loop();

struct HardwareSerial {
  void begin(unsigned long baud);
  int available();
  int read();
  size_t print(const char *text);
};
extern HardwareSerial Serial;
