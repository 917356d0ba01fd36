<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** The server cannot be reached: nobody listens, the name is unknown, its certificate is wrong. */
final class ConnectException extends WebSocketException
{
}
