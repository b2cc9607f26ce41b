// A fader box for rigd: 4 faders, 4 encoders, 8 buttons, 8 LEDs, a 16x2 display. docs/serial-protocol.md is what it speaks.
//
// Arduino Mega 2560. Faders (10k linear): ends to 5 V and GND, wiper to A0-A3. Encoders: A to 22 24 26 28,
// B to 23 25 27 29, common to GND. Buttons: 30-37 to GND. LEDs: 38-45 by 330 ohm to GND. Display (HD44780):
// RS 2, E 3, D4-D7 4-7. For an I2C display take LiquidCrystal_I2C: begin, setCursor and write are the same.
#include <LiquidCrystal.h>

const byte FADER[4] = {A0, A1, A2, A3}, ENC_A[4] = {22, 24, 26, 28}, ENC_B[4] = {23, 25, 27, 29};
const byte BUTTON[8] = {30, 31, 32, 33, 34, 35, 36, 37}, LED[8] = {38, 39, 40, 41, 42, 43, 44, 45};
const int8_t QUARTER[16] = {0, -1, 1, 0, 1, 0, 0, -1, -1, 0, 0, 1, 0, 1, -1, 0};  // by (AB before, AB now)
LiquidCrystal lcd(2, 3, 4, 5, 6, 7);
char text[2][17] = {"                ", "                "}, note[17], shown[32], line[100];
int place[4];
int8_t quarters[4];
byte before[4], light[8], length, cell;  // light: 0 off, 1 on, 2 blink
bool down[8], here = true;
unsigned long now, moved[8], heard, beaten, scanned, noted = -2000;

void send(const char *form, int number = 0, int value = 0) {
  char words[100];
  byte sum = 0;
  snprintf(words, sizeof words - 4, form, number, value);
  for (char *c = words; *c; c++) sum ^= *c;
  snprintf(words + strlen(words), 5, "*%02X\n", sum);
  Serial.print(words);
}

void put(char *row, const char *words) { snprintf(row, 17, "%-16.16s", words); }

void greet() {
  send("box 1 faderbox 1.0 faders=4/1023 encoders=4 buttons=8 leds=8 display=16x2 values=1");
  for (byte i = 0; i < 4; i++) send("fader %d %d", i + 1, place[i]);
}

void obey(char *said) {  // a whole line from rigd
  char *star = strrchr(said, '*'), word[9];
  byte sum = 0;
  int n;
  for (char *c = said; c < star; c++) sum ^= *c;
  if (!star || strtol(star + 1, NULL, 16) != sum) return send("again");
  *star = 0;
  heard = now;
  if (!here) send("again");  // rigd was away, or the cable: what was said meanwhile is lost
  here = true;
  if (!strncmp(said, "rigd ", 5)) greet();
  else if (sscanf(said, "led %d %8s", &n, word) == 2 && n >= 1 && n <= 8) light[n - 1] = word[0] == 'b' ? 2 : !strcmp(word, "on");
  else if (sscanf(said, "text %d", &n) == 1 && n >= 1 && n <= 2) put(text[n - 1], strlen(said) > 7 ? said + 7 : "");
  else if (!strncmp(said, "value ", 6) || !strncmp(said, "no ", 3)) {  // seen on the second row for two seconds
    put(note, strchr(said, ' ') + 1);
    noted = now;
  }
}

void setup() {
  Serial.begin(115200);
  lcd.begin(16, 2);
  for (byte i = 0; i < 4; i++) {
    pinMode(ENC_A[i], INPUT_PULLUP);
    pinMode(ENC_B[i], INPUT_PULLUP);
    place[i] = analogRead(FADER[i]);
  }
  for (byte i = 0; i < 8; i++) {
    pinMode(BUTTON[i], INPUT_PULLUP);
    pinMode(LED[i], OUTPUT);
    down[i] = digitalRead(BUTTON[i]) == LOW;  // held since before: not a press
  }
  greet();
}

void loop() {
  now = millis();
  while (Serial.available()) {
    char c = Serial.read();
    if (c != '\n') line[length < sizeof line - 1 ? length++ : length] = c;
    else {
      line[length] = 0;
      if (length < sizeof line - 1) obey(line);
      length = 0;
    }
  }
  if (now - heard > 3000) here = false;
  if (now - beaten >= 1000) { beaten = now; send("beat"); }
  bool scan = now - scanned >= 20;
  if (scan) scanned = now;
  for (byte i = 0; i < 4; i++) {
    int at = scan ? analogRead(FADER[i]) : place[i];
    if (abs(at - place[i]) > 2) send("fader %d %d", i + 1, place[i] = at);
    byte ab = digitalRead(ENC_A[i]) << 1 | digitalRead(ENC_B[i]);
    quarters[i] += QUARTER[before[i] << 2 | ab];
    before[i] = ab;
    if (ab == 3) {  // at rest in a detent; half a turn back and forth is none
      if (abs(quarters[i]) > 1) send("encoder %d %d", i + 1, quarters[i] > 0 ? 1 : -1);
      quarters[i] = 0;
    }
  }
  for (byte i = 0; i < 8; i++) {
    bool is = digitalRead(BUTTON[i]) == LOW;
    if (is != down[i] && now - moved[i] > 15) {  // told at once, then deaf to the bounce
      down[i] = is;
      moved[i] = now;
      send(is ? "button %d down" : "button %d up", i + 1);
    }
    digitalWrite(LED[i], here && (light[i] == 1 || (light[i] == 2 && now / 250 % 2)) ? HIGH : LOW);
  }
  cell = (cell + 1) % 32;  // one letter a pass, so that the display never holds up the encoders
  const char *row = cell < 16 ? (here ? text[0] : "no rigd         ") : !here ? "                " : now - noted < 2000 ? note : text[1];
  if (row[cell % 16] == shown[cell]) return;
  lcd.setCursor(cell % 16, cell / 16);
  lcd.write(shown[cell] = row[cell % 16]);
}
