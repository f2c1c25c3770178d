#include "calibration_text.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t frame[] = {
#embed "data/calibration-text.zst"
};

const uint8_t *qam_calibration_text(size_t *length) {
    *length = sizeof frame;
    return frame;
}
