<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * A frame: RFC 6455 section 5.2.
 *
 * @internal
 */
final class Frame
{
    /** The longest payload of a control frame in bytes: RFC 6455 section 5.5. */
    public const LONGEST_CONTROL = 125;

    public function __construct(
        public readonly Opcode $opcode,
        public readonly string $payload,
        public readonly bool $final = true,
    ) {
    }

    /** The bytes of a close frame's payload; the reason is cut where a character ends. */
    public static function close(int $code, string $reason): self
    {
        if (strlen($reason) > self::LONGEST_CONTROL - 2) {
            preg_match('/\A.{0,30}/su', $reason, $beginning);
            $reason = $beginning[0] ?? '';
        }
        return new self(Opcode::Close, pack('n', $code) . $reason);
    }

    /** The bytes as a client sends them: masked with a key that the server cannot foresee. */
    public function masked(): string
    {
        $length = strlen($this->payload);
        $first = ($this->final ? 0x80 : 0) | $this->opcode->value;
        $head = match (true) {
            $length < 126 => pack('CC', $first, 0x80 | $length),
            $length < 65536 => pack('CCn', $first, 0x80 | 126, $length),
            default => pack('CCJ', $first, 0x80 | 127, $length),
        };
        $key = random_bytes(4);
        // The operator ends with the shorter string.
        $mask = str_repeat($key, intdiv($length, 4) + 1);
        return $head . $key . ($this->payload ^ $mask);
    }
}
