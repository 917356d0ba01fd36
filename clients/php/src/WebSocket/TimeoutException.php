<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** The server does not answer in time. */
final class TimeoutException extends WebSocketException
{
}
