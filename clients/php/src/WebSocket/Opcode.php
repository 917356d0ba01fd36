<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** What a frame is: RFC 6455 section 5.2. */
enum Opcode: int
{
    case Continuation = 0x0;
    case Text = 0x1;
    case Binary = 0x2;
    case Close = 0x8;
    case Ping = 0x9;
    case Pong = 0xA;

    /** Whether it is a control frame, which may come between the fragments of a message. */
    public function isControl(): bool
    {
        return $this->value >= self::Close->value;
    }
}
