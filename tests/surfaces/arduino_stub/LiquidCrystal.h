// The display of the stub board: what is written can be read back by the test.
#pragma once
#include <cstddef>
#include <cstdint>

struct LiquidCrystal {
  LiquidCrystal(uint8_t rs, uint8_t enable, uint8_t d4, uint8_t d5, uint8_t d6, uint8_t d7);
  void begin(uint8_t columns, uint8_t rows);
  void setCursor(uint8_t column, uint8_t row);
  size_t write(uint8_t letter);
};
