/* Trains as the Rust program does and prints the same lines; then misuses everything. MEMORY is what shampoo.h says that
 * these layers need. */
#include "../shampoo.h"
#include "board.h"
#include "network.h"

enum { STEPS = 100 };

static uint32_t passed, failed;

static void check(const char *name, int good) {
    print(good ? "pass " : "FAIL ");
    print(name);
    print("\n");
    *(good ? &passed : &failed) += 1;
}

static _Alignas(SHAMPOO_ALIGNMENT) unsigned char memory[MEMORY], before[MEMORY];
static struct network network, copy;
static uint8_t flash[2][24000];

static const struct shampoo_shape shapes[] = {{HIDDEN, INPUTS}, {CLASSES, HIDDEN}};
static float *const parameters[] = {network.first, network.second};
/* The same numbers to be saved: C does not make them const by itself. */
static const float *const saved_parameters[] = {network.first, network.second};
static const float *const gradients[] = {network.first_gradient, network.second_gradient};

static int same(const void *a, const void *b, size_t bytes) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < bytes; i++) {
        if (x[i] != y[i]) {
            return 0;
        }
    }
    return 1;
}

static void copy_bytes(void *to, const void *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    }
}

struct method {
    const char *name;
    struct shampoo_options options;
    double learning_rate;
};

static struct method method(const char *name) {
    struct shampoo_options options = shampoo_defaults();
    if (name[1] == 'h') {
        return (struct method){name, options, 1.0 / (8.0 * HIDDEN)};
    }
    options.precondition = 0;
    options.nesterov = 0;
    options.graft = name[1] == 'm' ? SHAMPOO_GRAFT_SM3 : SHAMPOO_GRAFT_SGD;
    return (struct method){name, options, name[1] == 'm' ? 1.0 / (2.0 * HIDDEN) : 1.0 / 8.0};
}

/* A step, and between it and the next one ticks of so many flops. */
static enum shampoo_error step(double learning_rate, uint64_t budget) {
    network_batch(&network);
    const enum shampoo_error error = shampoo_step(memory, parameters, gradients, learning_rate);
    if (error != SHAMPOO_ERROR_OK) {
        return error;
    }
    for (uint32_t working = budget > 0; working != 0;) {
        const enum shampoo_error ticked = shampoo_tick(memory, budget, &working);
        if (ticked != SHAMPOO_ERROR_OK) {
            return ticked;
        }
    }
    return SHAMPOO_ERROR_OK;
}

/* So many steps without ticks. */
static void stepped(double learning_rate, int steps) {
    for (int i = 0; i < steps; i++) {
        if (step(learning_rate, 0) != SHAMPOO_ERROR_OK) {
            check("step", 0);
        }
    }
}

static void train(const char *name) {
    const struct method own = method(name);
    network_start(&network);
    if (shampoo_init(memory, sizeof memory, shapes, 2, &own.options) != SHAMPOO_ERROR_OK) {
        check("init", 0);
        return;
    }
    const uint64_t budget = shampoo_largest_piece(memory);
    for (uint32_t i = 0; i < STEPS; i++) {
        if (step(own.learning_rate, i % 2 == 0 ? budget : 0) != SHAMPOO_ERROR_OK) {
            check("step", 0);
            return;
        }
    }
    /* Each step but the first has the root of one factor. */
    const struct shampoo_roots_found roots = shampoo_roots(memory);
    check("every root is accepted", roots.accepted == (own.options.precondition ? STEPS - 1 : 0) && roots.rejected == 0);
    print("standard ");
    print(name);
    print(" ");
    print_number((uint32_t)shampoo_steps(memory));
    print(" ");
    print_bits(network_digest(&network));
    print(" ");
    print_number((uint32_t)(1000.0f * network_held_out(&network, 256)));
    print("\n");
}

/* Saved, trained on, loaded, trained on: the same weights. A save that is cut off leaves the one before. */
static void save_and_restore(void) {
    const struct method own = method("Shampoo");
    size_t length = 0;
    network_start(&network);
    check("init", shampoo_init(memory, sizeof memory, shapes, 2, &own.options) == SHAMPOO_ERROR_OK);
    stepped(own.learning_rate, 10);
    shampoo_tick(memory, 1000, NULL);
    struct shampoo_places_found places = shampoo_places(flash[0], flash[1], sizeof flash[0]);
    check("no image at first", places.newest == -1 && places.next == 0 && places.number == 0);
    check("an image fits", shampoo_image_len(memory) <= sizeof flash[0]);
    check("save", shampoo_save(memory, saved_parameters, places.number, flash[0], sizeof flash[0], &length) == SHAMPOO_ERROR_OK);
    check("its length", length > 0 && length <= shampoo_image_len(memory));
    const uint32_t random = network.random, saved = network_digest(&network);
    stepped(own.learning_rate, 10);
    const uint32_t digest = network_digest(&network);
    places = shampoo_places(flash[0], flash[1], sizeof flash[0]);
    check("the next place", places.newest == 0 && places.next == 1 && places.number == 1);
    check("save", shampoo_save(memory, saved_parameters, places.number, flash[1], sizeof flash[1], &length) == SHAMPOO_ERROR_OK);
    places = shampoo_places(flash[0], flash[1], sizeof flash[0]);
    check("the newer image", places.newest == 1 && places.next == 0 && places.number == 2);
    /* A reset in the middle of the second save. */
    for (size_t i = length / 2; i < sizeof flash[1]; i++) {
        flash[1][i] = 0xFF;
    }
    check("the image before a cut one", shampoo_places(flash[0], flash[1], sizeof flash[0]).newest == 0);
    copy_bytes(before, memory, sizeof memory);
    copy = network;
    check("a cut image is refused", shampoo_restore(memory, parameters, flash[1], sizeof flash[1]) == SHAMPOO_ERROR_BROKEN);
    check("  and changes nothing", same(before, memory, sizeof memory) && same(&copy, &network, sizeof copy));
    check("restore", shampoo_restore(memory, parameters, flash[0], sizeof flash[0]) == SHAMPOO_ERROR_OK);
    check("as it was", network_digest(&network) == saved && shampoo_steps(memory) == 10);
    network.random = random;
    stepped(own.learning_rate, 10);
    check("goes on with the same bits", network_digest(&network) == digest);
}

/* The error, and that nothing has changed. */
static void refused(const char *name, enum shampoo_error found, enum shampoo_error right) {
    const int unchanged = same(before, memory, sizeof memory) && same(&copy, &network, sizeof copy);
    check(name, found == right && unchanged);
}

static float infinity(void) { return 1e38f * 1e38f; }

static void misuse(void) {
    const struct method own = method("Shampoo");
    const size_t need = shampoo_len(shapes, 2, &own.options);
    check("the header's memory is enough, and no tenth too much", need <= sizeof memory && need > sizeof memory / 10 * 9);
    if (need > sizeof memory) {
        return;
    }
    for (size_t i = 0; i < sizeof memory; i++) {
        memory[i] = 0xA5;
    }
    network_start(&network);
    check("init with as many bytes as it needs", shampoo_init(memory, need, shapes, 2, &own.options) == SHAMPOO_ERROR_OK);
    stepped(own.learning_rate, 9);
    int beyond = 0;
    for (size_t i = need; i < sizeof memory; i++) {
        beyond += memory[i] != 0xA5;
    }
    check("nothing beyond them is written", beyond == 0);
    network_batch(&network);
    copy_bytes(before, memory, sizeof memory);
    copy = network;

    refused("init: null", shampoo_init(NULL, need, shapes, 2, &own.options), SHAMPOO_ERROR_NULL);
    refused("init: no shapes", shampoo_init(memory, need, NULL, 2, &own.options), SHAMPOO_ERROR_NULL);
    refused("init: no options", shampoo_init(memory, need, shapes, 2, NULL), SHAMPOO_ERROR_NULL);
    refused("init: misaligned", shampoo_init(memory + 4, need, shapes, 2, &own.options), SHAMPOO_ERROR_MISALIGNED);
    refused("init: a byte too small", shampoo_init(memory, need - 1, shapes, 2, &own.options), SHAMPOO_ERROR_TOO_SMALL);
    refused("init: no layer", shampoo_init(memory, need, shapes, 0, &own.options), SHAMPOO_ERROR_SHAPE);
    const struct shampoo_shape many[SHAMPOO_MAX_LAYERS + 1] = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    refused("init: too many layers", shampoo_init(memory, need, many, SHAMPOO_MAX_LAYERS + 1, &own.options), SHAMPOO_ERROR_SHAPE);
    check("as many as there may be", shampoo_len(many, SHAMPOO_MAX_LAYERS, &own.options) > 0);
    const struct shampoo_shape flat[] = {{0, 4}}, large[] = {{0xFFFFFFFF, 0xFFFFFFFF}};
    refused("init: a side of 0", shampoo_init(memory, need, flat, 1, &own.options), SHAMPOO_ERROR_SHAPE);
    const enum shampoo_error error = shampoo_init(memory, need, large, 1, &own.options);
    refused("init: a layer too large", error == SHAMPOO_ERROR_TOO_SMALL ? SHAMPOO_ERROR_SHAPE : error, SHAMPOO_ERROR_SHAPE);
    check("no length for a side of 0", shampoo_len(flat, 1, &own.options) == 0);
    for (int i = 0; i < 5; i++) {
        struct shampoo_options wrong = own.options;
        switch (i) {
        case 0: wrong.graft = 99; break;
        case 1: wrong.delay = 0; break;
        case 2: wrong.precondition_every = 0; break;
        case 3: wrong.statistics_beta2 = 1.5; break;
        default: wrong.block_size = 0; break;
        }
        refused("init: a wrong option", shampoo_init(memory, need, shapes, 2, &wrong), SHAMPOO_ERROR_OPTIONS);
    }

    refused("step: null", shampoo_step(NULL, parameters, gradients, 0.1), SHAMPOO_ERROR_NULL);
    refused("step: no parameters", shampoo_step(memory, NULL, gradients, 0.1), SHAMPOO_ERROR_NULL);
    refused("step: no gradients", shampoo_step(memory, parameters, NULL, 0.1), SHAMPOO_ERROR_NULL);
    const float *const half[] = {network.first_gradient, NULL};
    refused("step: no second gradient", shampoo_step(memory, parameters, half, 0.1), SHAMPOO_ERROR_NULL);
    const float *const odd[] = {(const float *)((uintptr_t)network.first_gradient + 1), network.second_gradient};
    refused("step: a misaligned gradient", shampoo_step(memory, parameters, odd, 0.1), SHAMPOO_ERROR_MISALIGNED);
    refused("step: misaligned", shampoo_step(memory + 4, parameters, gradients, 0.1), SHAMPOO_ERROR_MISALIGNED);
    refused("step: not initialized", shampoo_step(memory + 8, parameters, gradients, 0.1), SHAMPOO_ERROR_NOT_INITIALIZED);
    refused("step: moved", shampoo_step(before, parameters, gradients, 0.1), SHAMPOO_ERROR_NOT_INITIALIZED);
    refused("step: an infinite rate", shampoo_step(memory, parameters, gradients, infinity()), SHAMPOO_ERROR_LEARNING_RATE);
    /* In the last number of the last layer: the first one must not have been stepped. */
    network.second_gradient[SECOND - 1] = copy.second_gradient[SECOND - 1] = infinity() - infinity();
    refused("step: NaN", shampoo_step(memory, parameters, gradients, 0.1), SHAMPOO_ERROR_NOT_FINITE);
    network.second_gradient[SECOND - 1] = copy.second_gradient[SECOND - 1] = 1e30f;
    refused("step: too large", shampoo_step(memory, parameters, gradients, 0.1), SHAMPOO_ERROR_TOO_LARGE);
    refused("tick: null", shampoo_tick(NULL, 1, NULL), SHAMPOO_ERROR_NULL);
    refused("tick: not initialized", shampoo_tick(memory + 8, 1, NULL), SHAMPOO_ERROR_NOT_INITIALIZED);

    size_t length = 77;
    refused("save: null", shampoo_save(memory, saved_parameters, 0, NULL, 10, &length), SHAMPOO_ERROR_NULL);
    refused("save: too small", shampoo_save(memory, saved_parameters, 0, flash[0], 100, &length), SHAMPOO_ERROR_TOO_SMALL);
    check("save: no length then", length == 77);
    refused("restore: null", shampoo_restore(memory, parameters, NULL, 10), SHAMPOO_ERROR_NULL);
    refused("restore: nothing", shampoo_restore(memory, parameters, flash[0], 0), SHAMPOO_ERROR_BROKEN);
    check("save", shampoo_save(memory, saved_parameters, 0, flash[0], sizeof flash[0], &length) == SHAMPOO_ERROR_OK);
    flash[0][length / 2] ^= 1;
    refused("restore: a wrong bit", shampoo_restore(memory, parameters, flash[0], length), SHAMPOO_ERROR_BROKEN);
    flash[0][length / 2] ^= 1;
    /* The version follows four bytes of magic. */
    flash[0][4] ^= 2;
    refused("restore: another version", shampoo_restore(memory, parameters, flash[0], length), SHAMPOO_ERROR_OTHER_VERSION);
    flash[0][4] ^= 2;
    /* The same layers with other settings, then in the other order. */
    struct shampoo_options other = own.options;
    other.ridge = 1e-5;
    shampoo_init(memory, sizeof memory, shapes, 2, &other);
    copy_bytes(before, memory, sizeof memory);
    refused("restore: other settings", shampoo_restore(memory, parameters, flash[0], length), SHAMPOO_ERROR_OTHER_SETTINGS);
    const struct shampoo_shape turned[] = {shapes[1], shapes[0]};
    float *const turned_parameters[] = {network.second, network.first};
    shampoo_init(memory, sizeof memory, turned, 2, &own.options);
    copy_bytes(before, memory, sizeof memory);
    refused("restore: other shapes", shampoo_restore(memory, turned_parameters, flash[0], length), SHAMPOO_ERROR_OTHER_SETTINGS);
    const struct shampoo_roots_found none = shampoo_roots(NULL);
    check("no roots of what is not there", none.accepted == 0 && none.rejected == 0);
    check("nothing of what is not there", shampoo_largest_piece(NULL) == 0 && shampoo_steps(NULL) == 0 && shampoo_image_len(NULL) == 0);
}

int main(void) {
    train("Shampoo");
    train("Sm3");
    train("Sgd");
    save_and_restore();
    misuse();
    const struct shampoo_options options = shampoo_defaults();
    print("memory ");
    print_number((uint32_t)shampoo_len(shapes, 2, &options));
    print(" bytes, image ");
    print_number((uint32_t)shampoo_image_len(memory));
    print(" bytes\n");
    print_number(passed);
    print(" passed, ");
    print_number(failed);
    print(" failed\n");
    return failed == 0 && passed > 0 ? 0 : 1;
}
