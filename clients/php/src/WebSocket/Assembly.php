<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * Data frames -> messages: RFC 6455 sections 5.4 and 8.1.
 *
 * @internal
 */
final class Assembly
{
    /** What the message is that has begun, if one has. */
    private ?Opcode $begun = null;
    private string $payload = '';

    public function __construct(private readonly Options $options)
    {
    }

    /** The message that ends with this frame, if one does. */
    public function take(Frame $frame): ?Message
    {
        if (($frame->opcode === Opcode::Continuation) !== ($this->begun !== null)) {
            throw new ProtocolException('The server mixed up the fragments of a message.');
        }
        $this->begun ??= $frame->opcode;
        if (strlen($this->payload) + strlen($frame->payload) > $this->options->maxMessage) {
            throw new ProtocolException(
                "The server sent a message of more than {$this->options->maxMessage} bytes.",
                1009,
            );
        }
        $this->payload .= $frame->payload;
        if (!$frame->final) {
            return null;
        }
        $message = new Message($this->payload, $this->begun === Opcode::Binary);
        $this->begun = null;
        $this->payload = '';
        if (!$message->binary && preg_match('//u', $message->payload) !== 1) {
            throw new ProtocolException('The server sent text that is not UTF-8.', 1007);
        }
        return $message;
    }
}
