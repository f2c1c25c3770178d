// The text that models are calibrated on by default (docs/calibration.md): one zstd frame, from scripts/make-calibration-text.

#ifndef CALIBRATION_TEXT_H
#define CALIBRATION_TEXT_H

#include <stddef.h>
#include <stdint.h>

// The frame, and its length.
const uint8_t *qam_calibration_text(size_t *length);

#endif
