// Runs one kernel on the processor: `main KERNEL TYPE NUMBER...` reads its arrays from stdin, one
// after another, and writes the result to stdout. TYPE is f32 or bf16; weights are always f32.
#include "emulation.hpp"

#include "../attention.cu"
#include "../conv.cu"
#include "../geglu.cu"
#include "../norm.cu"

#include <cstdio>
#include <cstdlib>
#include <string>

template <typename T>
std::vector<T> input(long long count) {
    std::vector<T> values(count);
    if (std::fread(values.data(), sizeof(T), count, stdin) != static_cast<size_t>(count)) {
        std::fprintf(stderr, "stdin is too short\n");
        std::exit(1);
    }
    return values;
}

unsigned blocks(long long count, int each) { return static_cast<unsigned>((count + each - 1) / each); }

template <typename T>
std::vector<T> run(const std::string& kernel, const std::vector<double>& n) {
    auto at = [&](size_t i) { return static_cast<int>(n.at(i)); };
    std::vector<T> y;
    if (kernel == "group_norm") { // batch pixels channels groups eps silu
        auto x = input<T>(1LL * at(0) * at(1) * at(2));
        auto weight = input<float>(at(2)), bias = input<float>(at(2));
        y.resize(x.size());
        launch({blocks(1LL * at(0) * at(3), 1)}, 256, [&] {
            group_norm(x.data(), weight.data(), bias.data(), y.data(), at(1), at(2), at(3),
                       static_cast<float>(n[4]), at(5));
        });
    } else if (kernel == "layer_norm" || kernel == "rms_norm") { // rows dim eps
        bool centred = kernel == "layer_norm";
        auto x = input<T>(1LL * at(0) * at(1));
        auto weight = input<float>(at(1)), bias = input<float>(centred ? at(1) : 0);
        y.resize(x.size());
        launch({blocks(at(0), 1)}, 128, [&] {
            row_norm(x.data(), weight.data(), centred ? bias.data() : nullptr, y.data(), at(1),
                     static_cast<float>(n[2]), centred);
        });
    } else if (kernel == "geglu") { // rows dim
        auto x = input<T>(2LL * at(0) * at(1));
        y.resize(x.size() / 2);
        launch({3}, 64, [&] { geglu(x.data(), y.data(), at(0), at(1)); });
    } else if (kernel == "attention") { // batch queries keys heads dim scale, bias for each key
        auto q = input<T>(1LL * at(0) * at(1) * at(3) * at(4));
        auto k = input<T>(1LL * at(0) * at(2) * at(3) * at(4)), v = input<T>(k.size());
        auto bias = input<float>(1LL * at(0) * at(2));
        y.resize(q.size());
        Dim grid{blocks(at(1), QUERIES), static_cast<unsigned>(at(3)), static_cast<unsigned>(at(0))};
        launch(grid, 256, [&] {
            attention(q.data(), k.data(), v.data(), bias.data(), y.data(), at(1), at(2), at(3),
                      at(4), static_cast<float>(n[5]), at(2), 0, 0);
        });
    } else if (kernel == "conv2d") {
        // batch rows columns depth kernel_rows kernel_columns stride top left dilation
        // out_rows out_columns width
        long long count = 1LL * at(0) * at(10) * at(11);
        auto x = input<T>(1LL * at(0) * at(1) * at(2) * at(3));
        auto weight = input<float>(1LL * at(4) * at(5) * at(3) * at(12)), bias = input<float>(at(12));
        auto residual = input<T>(count * at(12));
        y.resize(residual.size());
        launch({blocks(count, PIXELS), blocks(at(12), COLUMNS)}, 256, [&] {
            conv2d(x.data(), weight.data(), bias.data(), residual.data(), y.data(), at(0), at(1),
                   at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10), at(11), at(12));
        });
    } else if (kernel == "conv_transpose1d") { // batch time depth kernel stride padding width
        int out = (at(1) - 1) * at(4) + at(3) - 2 * at(5);
        auto x = input<T>(1LL * at(0) * at(1) * at(2));
        auto weight = input<float>(1LL * at(3) * at(2) * at(6)), bias = input<float>(at(6));
        y.resize(1LL * at(0) * out * at(6));
        launch({3}, 64, [&] {
            conv_transpose1d(x.data(), weight.data(), bias.data(), y.data(), at(0), at(1), at(2),
                             at(3), at(4), at(5), out, at(6));
        });
    } else {
        std::fprintf(stderr, "no kernel %s\n", kernel.c_str());
        std::exit(2);
    }
    return y;
}

template <typename T>
void print(const std::vector<T>& y) {
    std::fwrite(y.data(), sizeof(T), y.size(), stdout);
}

int main(int count, char** words) {
    if (count < 3) {
        std::fprintf(stderr, "main KERNEL TYPE NUMBER...\n");
        return 2;
    }
    std::vector<double> numbers;
    for (int i = 3; i < count; ++i) {
        numbers.push_back(std::atof(words[i]));
    }
    if (std::string(words[2]) == "bf16") {
        print(run<bf16>(words[1], numbers));
    } else {
        print(run<float>(words[1], numbers));
    }
}
