// Making a file: the same bytes as by the command; progress and cancellation; invalid options.

#include <stdlib.h>

#include "tests.h"

static qamw_error error;

typedef struct {
    uint32_t phases;   // a bit for each reported phase
    uint32_t stops_at; // the phase that is cancelled
    int steps, warnings;
    char warning[128];
} story;

static int32_t tell(const qamw_progress *progress, void *context) {
    story *told = context;
    told->steps++;
    told->phases |= 1u << progress->phase;
    EXPECT(progress->size == sizeof *progress && progress->done <= progress->total && progress->item != NULL);
    return progress->phase == told->stops_at;
}

static void warn(const char *warning, void *context) {
    story *told = context;
    told->warnings++;
    snprintf(told->warning, sizeof told->warning, "%s", warning);
}

static void expect_same_bytes(const char *first, const char *second) {
    FILE *files[2] = {fopen(first, "rb"), fopen(second, "rb")};
    EXPECT(files[0] != NULL && files[1] != NULL);
    if (files[0] == NULL || files[1] == NULL) return;
    long different = 0, count = 0;
    for (int a, b; a = getc(files[0]), b = getc(files[1]), a != EOF || b != EOF; count++) different += a != b;
    EXPECT(different == 0 && count > 100000);
    fclose(files[0]);
    fclose(files[1]);
}

void test_quantization(const test_files *files) {
    const char *rules[] = {"down_proj=6.5", "nothing_is_called_so"};
    story told = {.stops_at = UINT32_MAX};
    qamw_quantize_options options = {
        .size = sizeof options, .bits = 4.5, .progress = tell, .warning = warn, .context = &told, .calibration = QAMW_PLAIN};
    qamw_quantize_report report = {.size = sizeof report};

    // Cancelled while the weights are read, and while the output is written.
    for (told.stops_at = QAMW_SCANNING; told.stops_at <= QAMW_CODING; told.stops_at++)
        EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, &report, &error), QAMW_INTERRUPTED, "asked to stop");
    EXPECT(fopen(files->output, "rb") == NULL);
    told = (story){.stops_at = UINT32_MAX};
    EXPECT_SUCCESS(qamw_quantize(files->checkpoint, files->output, &options, &report, &error));
    EXPECT(told.phases == (1u << QAMW_SCANNING | 1u << QAMW_CODING) && told.steps > 28 && told.warnings == 0);
    EXPECT(report.coded == 28 && report.raw == 10 && report.aliased == 0 && report.fed_back == 0 && report.weights == 918656);
    EXPECT(report.nmse > 1e-3 && report.nmse < 5e-3 && report.gaussian_nmse > 1e-3 && report.gaussian_nmse < 5e-3);
    EXPECT(report.coded_bits_per_weight > 4.5 && report.coded_bits_per_weight < 4.7 && report.bits_per_weight > 5);
    expect_same_bytes(files->output, files->model);
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_CANNOT_CREATE, files->output);

    options.replaces = 1;
    options.include = rules;
    options.include_count = 2;
    uint64_t bytes = report.bytes;
    EXPECT_SUCCESS(qamw_quantize(files->checkpoint, files->output, &options, &report, &error));
    EXPECT(report.bytes > bytes && told.warnings == 1 && strstr(told.warning, "nothing_is_called_so") != NULL);
    // A caller with a shorter struct, and one without options.
    struct { uint32_t size, fed_back; uint64_t bytes, canary; } shorter = {.size = 16, .canary = 7};
    EXPECT_SUCCESS(qamw_quantize(files->checkpoint, files->output, &options, (qamw_quantize_report *)&shorter, &error));
    EXPECT(shorter.bytes == report.bytes && shorter.canary == 7);

    EXPECT_FAILURE(qamw_quantize(NULL, files->output, NULL, NULL, &error), QAMW_INVALID_ARGUMENT, "input is NULL");
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, NULL, NULL, NULL, &error), QAMW_INVALID_ARGUMENT, "output is NULL");
    EXPECT_FAILURE(qamw_quantize("/nowhere", files->output, NULL, NULL, &error), QAMW_NOT_FOUND, "/nowhere");
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, NULL, NULL, &error), QAMW_CANNOT_CREATE, "");
    options.raw_type = "f8";
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "keep, f32, f16, bf16");
    options.raw_type = "f32";
    bytes = report.bytes;
    EXPECT_SUCCESS(qamw_quantize(files->checkpoint, files->output, &options, &report, &error));
    EXPECT(report.bytes > bytes + 200000);
    options.raw_type = NULL;
    options.codebook = "open";
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "unknown codebook \"open\"");
    options.codebook = NULL;
    options.recipe = "some";
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "linear, mlp, all");
    options.recipe = NULL;
    options.include_count = UINT64_MAX;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "too many for include");
    options.include_count = 0;
    options.bits = 4.6;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "4.6 bits");
    options.target_bits = 4;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "exclude each other");
    options.bits = 0;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "statistics");
    options.target_bits = 0;
    options.text = files->checkpoint;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "QAMW_PLAIN");
    options.calibration = 7;
    EXPECT_FAILURE(qamw_quantize(files->checkpoint, files->output, &options, NULL, &error), QAMW_INVALID_ARGUMENT, "unknown calibration 7");
}
