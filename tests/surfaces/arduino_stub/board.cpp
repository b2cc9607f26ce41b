// Runs a sketch on a pty. Prints the port's path, then takes lines on stdin: "analog PIN VALUE", "pin PIN LEVEL",
// "stall MS" (the board hangs so long); to "look" it answers with one line: the LEDs' levels, then the two display
// rows between bars. Ends with its stdin.
#include "Arduino.h"
#include "LiquidCrystal.h"

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int master = -1, analog_in[70], level_in[70], level_out[70], mode_of[70], column, row_at;
static char screen[2][17] = {"                ", "                "};
HardwareSerial Serial;

static unsigned long elapsed_ms() {
  timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000UL + at.tv_nsec / 1000000UL;
}
static const unsigned long powered = elapsed_ms();

unsigned long millis() { return elapsed_ms() - powered; }
void pinMode(uint8_t pin, uint8_t mode) { mode_of[pin] = mode; }
int digitalRead(uint8_t pin) { return level_in[pin]; }
void digitalWrite(uint8_t pin, uint8_t level) { level_out[pin] = mode_of[pin] == int(OUTPUT) ? int(level) : 0; }
int analogRead(uint8_t pin) { return analog_in[pin]; }

void HardwareSerial::begin(unsigned long) {}
int HardwareSerial::available() {
  pollfd waiting = {master, POLLIN, 0};
  return poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) ? 1 : 0;
}
int HardwareSerial::read() {
  unsigned char letter;
  return ::read(master, &letter, 1) == 1 ? letter : -1;
}
size_t HardwareSerial::print(const char *text) {
  ssize_t sent = ::write(master, text, strlen(text));  // non-blocking: what has no room is lost
  return sent > 0 ? static_cast<size_t>(sent) : 0;
}

LiquidCrystal::LiquidCrystal(uint8_t, uint8_t, uint8_t, uint8_t, uint8_t, uint8_t) {}
void LiquidCrystal::begin(uint8_t, uint8_t) {}
void LiquidCrystal::setCursor(uint8_t to_column, uint8_t to_row) { column = to_column, row_at = to_row; }
size_t LiquidCrystal::write(uint8_t letter) {
  if (row_at < 2 && column < 16) screen[row_at][column++] = letter < 32 ? ' ' : static_cast<char>(letter);
  return 1;
}

static void obey_test(const char *words) {
  int pin, value;
  if (sscanf(words, "analog %d %d", &pin, &value) == 2) analog_in[pin] = value;
  else if (sscanf(words, "pin %d %d", &pin, &value) == 2) level_in[pin] = value;
  else if (sscanf(words, "stall %d", &value) == 1) usleep(value * 1000);
  else if (!strncmp(words, "look", 4)) {
    for (int led = 38; led < 46; led++) putchar('0' + level_out[led]);
    printf("|%s|%s|\n", screen[0], screen[1]);
    fflush(stdout);
  }
}

int main() {
  for (int &level : level_in) level = HIGH;  // pulled up
  master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 || grantpt(master) || unlockpt(master)) return 1;
  const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);  // held, so that the master never fails
  termios raw;
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  printf("%s\n", ptsname(master));
  fflush(stdout);
  setup();
  char words[100];
  size_t filled = 0;
  for (;;) {
    loop();
    pollfd waiting[2] = {{0, POLLIN, 0}, {master, POLLIN, 0}};
    poll(waiting, 2, 1);
    if (!(waiting[0].revents & (POLLIN | POLLHUP))) continue;
    char letter;
    if (::read(0, &letter, 1) != 1) return 0;
    if (letter != '\n') {
      if (filled < sizeof words - 1) words[filled++] = letter;
      continue;
    }
    words[filled] = 0;
    filled = 0;
    obey_test(words);
  }
}
