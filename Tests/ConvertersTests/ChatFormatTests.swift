import Converters
import QAMFormat
import Testing

/// The text of a conversation in each format, as the template gives it in transformers.
@Suite struct ChatFormatTests {
    private static let conversation: [ChatFormat.Message] = [
        .init(role: .system, text: "Be brief."), .init(role: .user, text: "Hi "), .init(role: .assistant, text: "Hello!"), .init(role: .user, text: "Bye"),
    ]

    @Test(arguments: [
        (
            "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n"
                + "<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
        ),
        (
            "{{'<|im_start|>user<|im_sep|>' + m['content'] + '<|im_end|>'}}",
            "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|>Hi <|im_end|><|im_start|>assistant<|im_sep|>Hello!<|im_end|>"
                + "<|im_start|>user<|im_sep|>Bye<|im_end|><|im_start|>assistant<|im_sep|>"
        ),
        (
            "{{bos_token}}{{'<|start_header_id|>' + role + '<|end_header_id|>\\n\\n'+ content | trim + '<|eot_id|>'}}",
            "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
                + "<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
                + "<|start_header_id|>assistant<|end_header_id|>\n\n"
        ),
        (
            "{{bos_token}}{{'<start_of_turn>' + role + '\\n' + content | trim + '<end_of_turn>\\n'}}",
            "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n"
                + "<start_of_turn>model\n"
        ),
        (
            "{{'<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n'}}{{bos_token + '[INST] ' + content.strip() + ' [/INST]'}}",
            "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello! </s><s>[INST] Bye [/INST]"
        ),
        (
            "{{bos_token}}{{'[INST] ' + message['content'] + ' [/INST]'}}{{message['content'] + eos_token}}",
            "[INST] Be brief.\n\nHi  [/INST]Hello!</s>[INST] Bye [/INST]"
        ),
        (
            "{{bos_token}}{{'[SYSTEM_PROMPT]' + system + '[/SYSTEM_PROMPT]'}}{{'[INST]' + message['content'] + '[/INST]'}}",
            "[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hi [/INST]Hello!</s>[INST]Bye[/INST]"
        ),
        (
            "{{'<|user|>\\n' + message['content'] + '<|end|>\\n<|assistant|>\\n'}}",
            "<|system|>\nBe brief.<|end|>\n<|user|>\nHi <|end|>\n<|assistant|>\nHello!<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n"
        ),
        (
            "{{'<|' + message['role'] + '|>' + message['content'] + '<|end|>'}}{{'<|assistant|>'}}",
            "<|system|>Be brief.<|end|><|user|>Hi <|end|><|assistant|>Hello!<|end|><|user|>Bye<|end|><|assistant|>"
        ),
    ]) func conversationsAreWritten(template: String, expected: String) throws {
        #expect(try ChatFormat(template: template).rendered(Self.conversation, bos: "<s>") == expected)
    }

    @Test func templatesMayHaveASystemMessage() throws {
        let template =
            "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are helpful.\\nBe brief.<|im_end|>\\n' }}{% endif %}"
            + "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'}}"
        let format = try ChatFormat(template: template)
        #expect(format.opening(system: nil).map(\.text) == ["You are helpful.\nBe brief."])
        #expect(format.opening(system: "Other.").map(\.text) == ["Other."])
        let program = "{{ '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
        #expect(try ChatFormat(template: program).opening(system: nil).isEmpty)
    }

    @Test(arguments: [nil, "{{ '### Instruction:' + message['content'] }}"]) func othersAreRefused(template: String?) {
        let error = #expect(throws: QAMError.self) { try ChatFormat(template: template) }
        #expect(error?.code == .unsupported && error?.message.contains("chat template") == true)
    }
}
