// Loads a GGUF with llama.cpp, runs tokens through it, and writes all logits as float32: positions x vocabulary.
//
//     logits MODEL.gguf TOKEN... > FILE
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>

static void complain(enum ggml_log_level level, const char *text, void *unused) {
    (void)unused;
    if (level >= GGML_LOG_LEVEL_WARN) fputs(text, stderr);
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    llama_log_set(complain, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return 65;
    struct llama_context_params parameters = llama_context_default_params();
    parameters.n_ctx = 64;
    parameters.n_threads = parameters.n_threads_batch = 1;
    // Tests the model, not the rounding of the KV cache.
    parameters.type_k = parameters.type_v = GGML_TYPE_F32;
    parameters.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = llama_init_from_model(model, parameters);
    if (!context) return 70;

    int count = argc - 2;
    struct llama_batch batch = llama_batch_init(count, 0, 1);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        batch.token[i] = atoi(argv[i + 2]);
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    if (llama_decode(context, batch) != 0) return 70;
    int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (int i = 0; i < count; i++) {
        if (fwrite(llama_get_logits_ith(context, i), sizeof(float), (size_t)vocabulary, stdout) != (size_t)vocabulary) return 74;
    }
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    llama_backend_free();
    return 0;
}
